"""The one exception that means: the user can put this right."""


class UserError(Exception):
    """A mistake in a config, flag, path or file; its message is one line that says what to do.

    The commands print it as `error: …` and exit with status 2, without a traceback.
    """
