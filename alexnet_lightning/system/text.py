"""Text for messages and figures."""

from collections.abc import Iterable
from difflib import get_close_matches

LABEL_LENGTH = 24


def one_line(error: object) -> str:
    """Return what an error says as one line, or the name of its class if it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def reason(error: Exception) -> str:
    """Return why a file cannot be used, without the number and the path that Python adds."""
    return getattr(error, "strerror", None) or one_line(error)


def short(name: str, length: int = LABEL_LENGTH) -> str:
    """Return a class name that fits beside an axis: at most `length` characters."""
    return name if len(name) <= length else name[: length - 1] + "…"


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "see --help") -> str:
    """Return "did you mean …?" for the known word that is spelled most like one, else a hint."""
    close = get_close_matches(word, [*known], n=1)
    return f"did you mean {close[0]}?" if close else otherwise


def no_option(word: str, options: Iterable[str]) -> str:
    """Return the message for a word of a command line that the command does not take."""
    near = did_you_mean(word, options)
    extra = not word.startswith("-") and not near.startswith("did")
    return f"{word}: {'one argument too many' if extra else 'no such option'}; {near}"


def no_value(flag: str) -> str:
    """Return the message for a flag that ends a command line, or is followed by another one."""
    return f"{flag}: no value is given; write {flag} VALUE"
