"""The standard streams: characters that they cannot encode, and readers that end early."""

import io
import os
import select
import sys


def open_closed() -> None:
    """Open what was closed, as by `>&-`, to nowhere: else a file that is opened takes its place."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            setattr(sys, name, open(number, mode))  # noqa: PTH123, SIM115  # a number; stays open


def encode_anything() -> None:
    """Write what the encoding of the terminal lacks as an escape, in place of an error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def reader_gone() -> bool:
    """Tell whether what reads the output, such as head, has ended."""
    poll = select.poll()
    for stream in (sys.stdout, sys.stderr):
        try:
            poll.register(stream.fileno(), 0)  # errors are told whatever is asked for
        except (OSError, ValueError):  # it is no file, or closed
            continue
    return any(event & select.POLLERR for _, event in poll.poll(0))


def silence() -> None:
    """Drop what is still to be written, which would fail again when Python ends."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)
