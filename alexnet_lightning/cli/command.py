"""What all commands share: mistakes end in one line, and the screen shows only what matters."""

import argparse
import logging
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from typing import NoReturn

from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.signals import Stopped

# Of Lightning: what it advertises, and what it does in between.
NOTICES = ("Tip:", "Loading `train_dataloader` to estimate")


class CommandParser(argparse.ArgumentParser):
    """A parser whose mistakes are one line, without the usage above it."""

    def error(self, message: str) -> NoReturn:
        raise UserError(f"{message}; see --help")


def run_command(command: Callable[[Sequence[str]], None]) -> None:
    """Run a command on the arguments given; exit with status 2 and one line on a mistake.

    One that was stopped exits with the status that shells know: 130 by Ctrl-C, 143 by SIGTERM.
    """
    quieten()
    try:
        command(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except Stopped as stop:
        sys.exit(stop.status)
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def quieten() -> None:
    """Leave out what Lightning says that is advertising, plain or does not hold here."""
    notices = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    notices.addFilter(lambda record: not any(words in record.getMessage() for words in NOTICES))
    # It says that it takes the seed, which the configuration holds.
    logging.getLogger("lightning.fabric.utilities.seed").setLevel(logging.WARNING)
    # Lightning 2.6 calls torch's own pytree in the way of older versions.
    warnings.filterwarnings("ignore", ".*isinstance.treespec, LeafSpec.*")
    # That srun is installed does not mean that it is wanted; cluster.check sees to what is wrong.
    warnings.filterwarnings("ignore", ".*srun. command is available on your system.*")
    # A resumed run goes on in its own folder.
    warnings.filterwarnings("ignore", ".*exists and is not empty.*")
    # The interval suits data sets of every size; a small epoch is logged at its end all the same.
    warnings.filterwarnings("ignore", ".*smaller than the logging interval.*")
