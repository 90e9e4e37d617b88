"""Text for messages and figures."""

LABEL_LENGTH = 24


def one_line(error: object) -> str:
    """Return what an error says as one line, or the name of its class if it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__


def short(name: str) -> str:
    """Return a class name that fits beside an axis: at most 24 characters."""
    return name if len(name) <= LABEL_LENGTH else name[: LABEL_LENGTH - 1] + "…"
