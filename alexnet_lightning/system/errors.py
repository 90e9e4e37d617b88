"""The one exception that means: the user can put this right."""


class UserError(Exception):
    """A mistake in a config, flag, path or file; its message is one line that says what to do.

    The commands print it as `error: …` and exit with status 2, without a traceback.
    """

    def __init__(self, message: str) -> None:
        if message.startswith("Caught "):  # by torch in a worker: the text of a traceback
            message = message.rstrip().rpartition("\n")[2].partition(": ")[2]
        super().__init__(message.replace("\n", "\\n"))  # a file's name may have one
