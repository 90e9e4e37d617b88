"""What jsonargparse says over many lines, in one that names the key."""

import inspect
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from importlib import import_module

from alexnet_lightning.system.errors import UserError

KEY = re.compile(r'^Parser key "([^"]+)"')
CLASS = re.compile(r"class_path[ =]'([^']+)'")


def as_user_error(error: Exception) -> Exception:
    """Return a UserError for a value that a class refused, any other error as it is."""
    cause: BaseException = error
    while following := cause.__cause__ or cause.__context__:
        cause = following
    if isinstance(cause, UserError):
        return cause
    if "allocate memory" in str(cause):  # torch's words for a tensor that is too large
        return UserError("model: the network does not fit in memory; make it smaller")
    return UserError(explain(error)) if isinstance(cause, ValueError | TypeError) else error


def explain(error: BaseException, flags: Iterable[str] = ()) -> str:
    """Return one line: the key, what is wrong with it and what would be right.

    `flags` are those that there are, for a hint at the nearest.

    jsonargparse wraps an error once for every level of the configuration: the keys on the way down
    are in the outer messages, the reason is in the innermost.
    """
    chain = causes(error)
    keys: list[str] = []
    for message in chain:
        found = KEY.match(message)
        if found and found[1] not in keys[-1:]:
            keys.append(found[1])
    reason = any_of(chain) or " ".join(KEY.sub("", chain[-1]).removeprefix(":").split())
    owners = CLASS.findall(" ".join(chain))
    if unknown := re.search(r"Option '([^']+)' is not accepted", reason):
        keys.append(unknown[1])
        reason = "no such key" + suggestion(unknown[1], owners[-1] if owners else None)
    elif missing := re.search(r"Expected a dot import path string: (\S+)", reason):
        reason = f"no class named {missing[1]}; give a name that --help lists, or a dotted path"
    elif ambiguous := re.search(r"Multiple subclasses with name (\w+)\.", reason):
        reason = f"more than one class is named {ambiguous[1]}: " + reason.split("ambiguity: ")[-1]
    elif "is abstract" in reason and keys:
        key = keys[-1]
        reason = f"name the class before its arguments, as in --{key} NAME --{key}.KEY VALUE"
    elif reason.endswith("required: data"):
        reason = "nothing to do: give --config configs/NAME.yaml, or --model and --data; see --help"
    elif "arguments are required" in reason:
        reason += "; see --help"
    elif mistyped := re.search(r"unrecognized arguments: (--[^\s=]+)", reason):
        close = get_close_matches(mistyped[1], flags, n=1)
        reason += f"; did you mean {close[0]}?" if close else "; see --help"
    reason = re.sub(r"<class '([^']+)'>|typing\.(?=Literal)", r"\1", reason)
    return ": ".join(filter(None, [".".join(keys), reason]))


def any_of(chain: Sequence[str]) -> str | None:
    """Return what the innermost type with several alternatives expected; None if it has one."""
    unions = [message for message in chain if message.startswith("Does not validate against any")]
    if not unions:
        return None
    expected = [
        choice
        for choice in re.findall(r"^ *- Expected a (.+)$", unions[-1], re.MULTILINE)
        if "NoneType" not in choice
    ]
    given = re.search(r"^Given value: (.+)$", unions[-1], re.MULTILINE)
    for choice in expected:
        if "dot import path" in choice:
            return f"Expected a {choice}"
    if len(expected) < 2 or given is None:
        return None
    return f"Expected a {' or '.join(expected)}. Got value: {given[1]}"


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
    known = {
        argument
        for base in getattr(import_module(module), name).__mro__
        for argument in inspect.signature(base.__init__).parameters
    } - {"self", "args", "kwargs", "recipe", "options", "params", "defaults"}
    close = get_close_matches(key, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"it has {', '.join(sorted(known))}"
    return f" of {name}; {hint}"
