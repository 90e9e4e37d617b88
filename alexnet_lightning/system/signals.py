"""Signals that ask a command to stop: obeyed at once, by a training at the end of the step.

Imports nothing slow, so that `fit` can listen before its own imports: a cluster may signal early.
"""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn

REQUEUE = signal.SIGUSR1  # what `sbatch --signal=USR1@90` sends before the job's time is up
STOP = (signal.SIGINT, signal.SIGTERM)

AGAIN = 0.1  # seconds

received: signal.Signals | None = None
_before: dict[int, Any] = {}  # what the signals of STOP did before they were noted


class Stopped(BaseException):
    """A command was stopped, a training saved; not an Exception, so that no handler catches it."""

    def __init__(self, signum: signal.Signals) -> None:
        super().__init__(f"stopped by {signum.name}")
        self.signum = signum

    @property
    def status(self) -> int:
        """Exit status of a process that this signal ends."""
        return 128 + self.signum


@contextmanager
def stopping() -> Iterator[None]:
    """Raise Stopped in here at Ctrl-C and SIGTERM, so that nothing half-written is left.

    Not KeyboardInterrupt, which Lightning and others catch. A second signal ends the process. What
    is ignored, as Ctrl-C in a script's background, stays so.
    """
    hook = sys.unraisablehook
    sys.unraisablehook = heard
    before = {signum: signal.getsignal(signum) for signum in STOP}
    obey = [signum for signum in STOP if before[signum] != signal.SIG_IGN]
    replace(dict.fromkeys(obey, stop))
    try:
        yield
    finally:
        replace(before)
        sys.unraisablehook = hook


def stop(signum: int, frame: FrameType | None) -> NoReturn:
    """Raise Stopped; leave at once on a second Ctrl-C or SIGTERM."""
    replace(dict.fromkeys(STOP, signal.SIG_DFL))
    raise Stopped(signal.Signals(signum))


def heard(ignored: Any) -> None:
    """Stop a moment later where Python cannot, as in a destructor, whose errors it only prints."""
    if not isinstance(ignored.exc_value, Stopped):
        sys.__unraisablehook__(ignored)
        return
    replace(dict.fromkeys(STOP, stop))
    again = threading.Timer(AGAIN, os.kill, (os.getpid(), ignored.exc_value.signum))
    again.daemon = True
    again.start()


def replace(handlers: dict[Any, Any]) -> None:
    """Set the handlers of signals."""
    for signum, handler in handlers.items():
        signal.signal(signum, handler)


def end_quietly() -> None:
    """Let Ctrl-C end this process without a traceback, while a command of ours is imported."""
    spec = getattr(sys.modules["__main__"], "__spec__", None)
    ours = spec is not None and spec.name.startswith(f"{__name__.partition('.')[0]}.")
    if ours and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def listen(*signals: signal.Signals) -> None:
    """Note these signals from now on."""
    for signum in signals:
        before = signal.signal(signum, note)
        if before is not note:
            _before[signum] = before


def note(signum: int, frame: FrameType | None) -> None:
    """Remember the first signal; leave at once on a second Ctrl-C or SIGTERM."""
    global received
    if received is not None and signum in STOP:
        signal.signal(signum, signal.SIG_DFL)
        os.kill(os.getpid(), signum)
        return
    received = received or signal.Signals(signum)
    if signum == signal.SIGINT:
        print("\nstopping after this step; Ctrl-C again leaves at once", file=sys.stderr)


def leave_to_parent(worker: int) -> None:
    """Ignore what the main process is asked to do: the `worker_init_fn` of our data loaders.

    Forks inherit the main process's handlers; workers that are started otherwise, which is the
    default from Python 3.14 on, would end by these signals, and the training with them.
    """
    for signum in (signal.SIGINT, REQUEUE):
        signal.signal(signum, signal.SIG_IGN)


def forget() -> None:
    """Forget the signal, and let Ctrl-C and SIGTERM do what they did before they were noted."""
    global received
    received = None
    replace({signum: _before.pop(signum) for signum in STOP if signum in _before})
