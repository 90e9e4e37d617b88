"""What jsonargparse says over many lines, in one that names the key."""

import inspect
import re
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import callbacks, loggers
from torch import optim
from torch.optim import lr_scheduler

from alexnet_lightning import PUBLIC
from alexnet_lightning.models.create import accepted
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import did_you_mean, no_option, no_value, one_line

KEY = re.compile(r'^Parser key "([^"]+)"')
NO_VALUE = re.compile(r"argument (--\S+): expected (?:one|at least one) argument")
REQUIREMENT = re.compile(r"`pip install (?:-U )?'?([^'`]+)'?`")
CLASS = re.compile(r"class_path[ =]'([^']+)'")
PROBLEM = re.compile(
    r"Problem with given class_path .+?:\n(.+?)(?=\n *- |\n *Given |\Z)", re.DOTALL
)
GIVEN = re.compile(r"(?:Given|Got) value: (?!Namespace|NestedArg|\[Namespace)(.+)$", re.MULTILINE)
UNION = "Does not validate against any"
NOT_NAMED = "Got value: NestedArg"  # an argument of a class that is not known yet
EXPECTED = re.compile(r"Expected a (?!path)(.+?)(?=\. Got value|$)", re.MULTILINE)
WORDS = {
    "'bool'": "true or false",
    "'int'": "a whole number",
    "'float'": "a number",
    "'str'": "text",
    "list": "a list",
    "Sequence": "a list",
    "tuple": "a list",
    "dict": "a mapping",
    "Mapping": "a mapping, as {name: value}",
}


def as_user_error(error: Exception) -> Exception:
    """Return a UserError for a value that a class refused, any other error as it is."""
    cause: BaseException = error
    while following := cause.__cause__ or cause.__context__:
        cause = following
    if isinstance(cause, UserError):
        return cause
    if "allocate memory" in str(cause):  # torch's words for a tensor that is too large
        return UserError("model: the network does not fit in memory; make it smaller")
    refusals = ImportError | MisconfigurationException | TypeError | ValueError
    return UserError(explain(error)) if isinstance(cause, refusals) else error


def explain(error: BaseException, flags: Iterable[str] = ()) -> str:
    """Return one line: the key, what is wrong with it and what would be right.

    `flags` are those that there are, for a hint at the nearest.

    jsonargparse wraps an error once for every level of the configuration: the keys on the way down
    are in the outer messages, the reason is in the innermost.
    """
    chain = causes(error)
    last = innermost(chain)
    keys: list[str] = []
    for message in (*chain, last):
        found = KEY.match(message)
        if found and found[1] not in keys[-1:]:
            keys.append(found[1])
    reason = " ".join(KEY.sub("", last).removeprefix(":").split())
    key = ".".join(keys)
    owners = CLASS.findall(" ".join(chain))
    if owners and not key:
        key = owners[0].rpartition(".")[2]
    another_type, said = wanted(chain, last)
    if package := missing_package(error):
        reason = package
    elif another_type:
        reason = another_type
    elif unknown := re.search(r"Option '([^']+)' is not accepted", reason):
        key = ".".join([*keys, unknown[1]])
        reason = "no such key" + suggestion(unknown[1], owners[-1] if owners else None)
    elif number := re.fullmatch(r"Key must be a string, got: (.+)\.", reason):
        reason = f"a configuration has the key {number[1]}, which is no text; see --help"
    elif missing := re.search(r"Expected a dot import path string:\s*(\S*)", said):
        near = did_you_mean(
            missing[1], class_names(), "give a name that --help lists, or a dotted path"
        )
        reason = f"no class named {missing[1] or repr('')}; {near}"
    elif ambiguous := re.search(r"Multiple subclasses with name (\w+)\.", reason):
        reason = f"more than one class is named {ambiguous[1]}: " + reason.split("ambiguity: ")[-1]
        reason = f"{reason.rstrip('.')}; give one of these"
    elif key and ("is abstract" in reason or NOT_NAMED in reason):
        reason = f"name the class before its arguments, as in --{key} NAME --{key}.KEY VALUE"
    elif reason.endswith("required: data"):
        reason = "nothing to do: give --config configs/NAME.yaml, or --model and --data; see --help"
    elif key and (needed := re.search(r"arguments are required: ([\w, ]+)", reason)):
        name = owners[-1].rpartition(".")[2] if owners else "it"
        reason = f"{name} needs {needed[1]}, as in --{key}.{needed[1].split(',')[0]} VALUE"
    elif missing := NO_VALUE.search(reason):
        return no_value(missing[1])
    elif "arguments are required" in reason:
        reason += "; see --help"
    elif mistyped := re.search(r"unrecognized arguments: ([^\s=]+)", reason):
        options = [flag for flag in flags if not flag.endswith(".help")]
        if mistyped[1].endswith((".yaml", ".yml")):
            return f"{mistyped[1]}: give it as --config {mistyped[1]}"
        reason = no_option(mistyped[1], options)
    return ": ".join(filter(None, [key, reason]))


def class_names() -> list[str]:
    """Return the names of all classes that a configuration may give."""
    from alexnet_lightning import callbacks as own  # which imports matplotlib

    names = [*PUBLIC, *dir(own), *dir(callbacks), *dir(loggers), *dir(optim), *dir(lr_scheduler)]
    return [name for name in names if name[0].isupper()]  # the others are modules


def innermost(chain: Sequence[str]) -> str:
    """Return what the innermost message says; of a class or its list, what the class says."""
    unions = [message for message in chain if message.startswith(UNION)]
    if unions and chain[-1].startswith("Not a valid subclass"):
        for problem in PROBLEM.findall(unions[-1]):
            return inspect.cleandoc(problem)
    return chain[-1]


def wanted(chain: Sequence[str], last: str) -> tuple[str, str]:
    """Return "give a number, not …" for a value of another type, else "", and what was read."""
    said = next((message for message in reversed(chain) if message.startswith(UNION)), "")
    if "Problem with given class_path" in said or len(choices := expected(said)) < 2:
        said, choices = last, expected(last)
    literals = [word for each in choices for word in re.findall(r"[\w.-]+", each.partition("[")[2])]
    words = [word for kind, word in WORDS.items() if any(kind in each for each in choices)]
    if "a number" in words:
        words = [word for word in words if word != "a whole number"]
    elif any("dot import path" in each for each in choices):
        return "", said  # a class is meant
    if literals:
        words.append("one of " + ", ".join(dict.fromkeys(literals)))
    given = GIVEN.search(said)
    value = f", not {given[1]}" if given else ""
    return f"give {', or '.join(words)}{value}" if words else "", said


def expected(message: str) -> list[str]:
    """Return the types that a message of jsonargparse's lists, without null."""
    found = EXPECTED.findall(message)
    return [kind for kind in found if "NoneType" not in kind]


@contextmanager
def in_one_line() -> Iterator[None]:
    """Turn what Lightning itself refuses inside into a UserError; other errors stay as they are."""
    try:
        yield
    except Exception as error:
        module = Path(traceback.extract_tb(error.__traceback__)[-1].filename)
        if "lightning/pytorch" not in module.as_posix():
            raise
        raise UserError(f"trainer: {missing_package(error) or one_line(error)}") from error


def missing_package(error: BaseException) -> str | None:
    """Return what to install if an error is that of a package that is not; None if it is not."""
    found = REQUIREMENT.findall("\n".join(causes(error)))
    if not found:
        return None
    # Of several that would do, the last is the usual one.
    return f'needs a package that is not installed: pip install "{found[-1]}"'


def causes(error: BaseException) -> list[str]:
    """Return the messages of an error and of those it came from, without empty ones."""
    messages = []
    cause: BaseException | None = error
    while cause is not None:
        messages.append(str(cause).strip())
        cause = cause.__cause__ or cause.__context__
    return [message for message in messages if message] or [type(error).__name__]


def suggestion(key: str, owner: str | None) -> str:
    """Return "; did you mean …?" for the nearest argument of the class `owner`, or of none."""
    if owner is None or "." not in owner:
        return "; see --help"
    module, name = owner.rsplit(".", 1)
    known = accepted(getattr(import_module(module), name)) - {"params", "defaults"}
    return f" of {name}; {did_you_mean(key, known, 'it has ' + ', '.join(sorted(known)))}"
