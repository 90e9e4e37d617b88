"""The page that --help shows: what there is to choose from, and the flags that matter."""

import ast
import re
import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import alexnet_lightning
from alexnet_lightning import DATA_SETS, VARIANTS
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import did_you_mean

if TYPE_CHECKING:
    from lightning.pytorch.cli import LightningArgumentParser


def show_page(args: Sequence[str]) -> bool:
    """Print the page if -h or --help asks for it, without importing what it lists."""
    if not {"-h", "--help"} & set(args):
        return False
    page = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8")
    print(page.format(models=listing(VARIANTS), data=listing(DATA_SETS)))
    return True


def show_help(parser: "LightningArgumentParser", args: Sequence[str]) -> None:
    """Print what --help=all or --help=NAME asks for, and exit."""
    if show_page(args):
        sys.exit()
    asked = [arg for arg in args if arg.startswith("--help=")]
    if not asked:
        return
    topic = asked[0].partition("=")[2]
    if topic == "all":
        parser.print_help()
    elif topic in VARIANTS or topic in DATA_SETS:
        from alexnet_lightning.cli.checks import LINKED  # which imports torch

        kind = "model" if topic in VARIANTS else "data"
        with redirect_stdout(StringIO()) as page, suppress(SystemExit):
            parser.parse_args([f"--{kind}.help={topic}"])
        given = rf"(--model\.(?:{'|'.join(LINKED)}) [^(]*\()required,"
        print(re.sub(given, r"\1the data gives it; leave it out,", page.getvalue()), end="")
    else:
        hint = did_you_mean(topic, [*VARIANTS, *DATA_SETS], "see --help for their names")
        raise UserError(f"--help={topic}: no such model or data set; {hint}")
    sys.exit()


def listing(names: Mapping[str, str]) -> str:
    """Return a line for each class: its name, and the first line of its docstring."""
    return "\n".join(f"  {name:<24}{purpose(name, names[name])}" for name in sorted(names))


def purpose(name: str, module: str) -> str:
    """Return the first line of a class's docstring, read from the source of its module."""
    path = Path(alexnet_lightning.__file__).parents[1] / f"{module.replace('.', '/')}.py"
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    raise AssertionError(f"{path} has no class {name}")
