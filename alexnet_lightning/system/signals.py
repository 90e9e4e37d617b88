"""Signals that ask a training to stop: noted here, obeyed at the end of the step.

Imports nothing slow, so that `fit` can listen before its own imports: a cluster may signal early.
"""

import os
import signal
import sys
from types import FrameType

REQUEUE = signal.SIGUSR1  # what `sbatch --signal=USR1@90` sends before the job's time is up
STOP = (signal.SIGINT, signal.SIGTERM)

received: signal.Signals | None = None


class Stopped(BaseException):
    """The training was stopped and saved; not an Exception, so that no handler catches it."""

    def __init__(self, signum: signal.Signals) -> None:
        super().__init__(f"stopped by {signum.name}")
        self.signum = signum

    @property
    def status(self) -> int:
        """Exit status of a process that this signal ends."""
        return 128 + self.signum


def listen(*signals: signal.Signals) -> None:
    """Note these signals from now on."""
    for signum in signals:
        signal.signal(signum, note)


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
    """Forget the signal, and let Ctrl-C and SIGTERM do what they usually do."""
    global received
    received = None
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
