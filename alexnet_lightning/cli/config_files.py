"""The files that --config names, and flags out of Python values."""

import codecs
import json
import locale
import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.run_folder import in_new_words


def as_flags(overrides: Mapping[str, Any] | Sequence[str]) -> list[str]:
    """Return the flags of `fit` for keys and their values; flags stay as they are."""
    if not isinstance(overrides, Mapping):
        return list(overrides)
    return [
        f"--{key}={value if isinstance(value, str | Path) else json.dumps(value, default=plain)}"
        for key, value in overrides.items()
    ]


def plain(value: Any) -> Any:
    """Return a number of numpy's or torch's as Python's; UserError for what YAML cannot hold."""
    if hasattr(value, "item"):
        return value.item()
    if isinstance(value, Path):
        return str(value)
    raise UserError(
        f"overrides: {value!r} is no text, number, list or mapping; name a class as text"
    )


def config_files(args: Sequence[str]) -> list[Path]:
    """Return the files given with --config or -c, in order."""
    named = []
    for flag, value in pairwise([*args, ""]):
        if flag in ("--config", "-c"):
            named.append(value)
        elif flag.startswith(("--config=", "-c=")):
            named.append(flag.split("=", 1)[1])
    if "" in named:
        raise UserError("--config: give a YAML file, as configs/digits_bn.yaml")
    return [Path(name) for name in named]


def as_named_now(args: Sequence[str]) -> list[str]:
    """Return a command line with what earlier versions called otherwise, in its files as well."""
    renamed = []
    for before, word in pairwise(["", *args]):
        flag, equals, value = word.partition("=")
        file = value if flag in ("--config", "-c") else word if before in ("--config", "-c") else ""
        if file:
            text = Path(file).read_text(encoding="utf-8") if Path(file).is_file() else ""
            content = in_new_words(text)
            word = word.replace(file, content) if content != text else word
        elif "callbacks" in flag + before:
            word = in_new_words(word)
        elif word.startswith("--"):
            word = in_new_words(flag) + equals + value
        renamed.append(word)
    return renamed


def smaller(files: Sequence[Path]) -> Path | None:
    """Return the file in sizes/ whose first line says that it makes the first file small.

    None if there is none, or a file of sizes/ is given already.
    """
    if not files or any(path.parent.name == "sizes" for path in files):
        return None
    for path in sorted((files[0].parent / "sizes").glob("*.yaml")):
        named = path.read_text(encoding="utf-8").partition("\n")[0]
        if re.search(rf"Makes .*\b{re.escape(files[0].stem)}\b.* small", named):
            return path
    return None


def check_files(args: Sequence[str]) -> None:
    """Raise a UserError for the first file given with --config that is not an experiment's."""
    for path in config_files(args):
        if path.is_fifo():  # what comes through a pipe can be read only once
            continue
        if "variants" in check_yaml(path):
            raise UserError(f"--config: {path} is a study: give it to study")
        encoding = codecs.lookup(locale.getpreferredencoding(False)).name
        if encoding != "utf-8" and not path.read_bytes().isascii():  # jsonargparse goes by it
            raise UserError(
                f"--config: {path} is UTF-8 with letters beyond ASCII, and your locale is "
                f"{encoding}: set PYTHONUTF8=1"
            )


def unreadable(path: Path, error: OSError) -> UserError:
    """Return the error for a file that cannot be opened, with the nearest name that there is."""
    there = [*path.parent.glob("*.yaml"), *Path("configs").rglob("*.yaml")]
    files = {each.stem: each for each in reversed(there)}
    missing = not (path.exists() or path.is_symlink())
    close = get_close_matches(path.stem, files, n=1) if missing else []
    hint = f"; did you mean {files[close[0]]}?" if close else ""
    return UserError(f"--config: cannot read {path}: {error.strerror}{hint}")


VALUES = 100_000  # more than any study has; aliases of aliases can make billions


def values_in(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values below a node, those of an alias wherever it stands."""
    if id(node) not in known:
        below = node.value if isinstance(node, yaml.CollectionNode) else []
        if isinstance(node, yaml.MappingNode):
            below = [each for pair in below for each in pair]
        known[id(node)] = 1 + sum(values_in(each, known) for each in below)
    return known[id(node)]


class Loader(yaml.SafeLoader):
    """PyYAML's, which would take the last of several equal keys without a word.

    Nor does it see that a list or mapping that holds itself has no end, or what aliases add up to.
    """

    def compose_document(self) -> Any:
        node = super().compose_document()
        if node and (count := values_in(node, {})) > VALUES:
            raise yaml.YAMLError(f"with its aliases it has {count:,} values; at most {VALUES:,}")
        return node

    def compose_node(self, parent: Any, index: Any) -> Any:
        event: Any = self.peek_event()
        line = event.start_mark.line + 1
        node = super().compose_node(parent, index)
        if isinstance(event, yaml.AliasEvent) and node and node.end_mark is None:  # not ended yet
            said = f"*{event.anchor} stands within what it names"
            raise yaml.YAMLError(f"{said}: line {line}")
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        for number, (key, _) in enumerate(node.value):
            if key.value in keys[:number]:
                said = f"the key {key.value} stands there twice"
                raise yaml.MarkedYAMLError(problem=said, problem_mark=key.start_mark)
        return super().construct_mapping(node, deep)


def check_yaml(path: Path) -> dict[str, Any]:
    """Return a file's content; UserError that names file and line if it is no mapping."""
    try:
        text = path.read_text(encoding="utf-8")
        if text.startswith("\ufeff"):
            raise UserError(f"--config: {path} begins with a byte order mark; save it without one")
        content = yaml.load(text, Loader)
    except OSError as error:
        raise unreadable(path, error) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"--config: {path} is no valid YAML: {one_line(error)}") from None
    if not isinstance(content, dict):
        raise UserError(f"--config: {path} must hold keys such as model, data and trainer")
    for name in ("trainer", "checkpoint", "recovery", "embedding_pca"):
        if not isinstance(section := content.get(name, {}), dict):
            raise UserError(f"--config: {path}: {name} is {section}: give it keys, or leave it out")
    return content
