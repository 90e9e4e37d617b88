"""What only looks on at a training: its failure is one warning, and the training goes on."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any

from lightning.pytorch import Callback
from lightning.pytorch.loggers import Logger
from lightning.pytorch.utilities import rank_zero_warn

from alexnet_lightning.system.text import one_line


class Onlooker(Callback):
    """A callback that draws, prints or logs; the experiment calls it after the checkpoints."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, hook in list(vars(cls).items()):
            if name == "setup" or name.startswith("on_"):
                setattr(cls, name, forgiving(hook))


def forgiving(method: Callable[..., Any]) -> Callable[..., Any]:
    """Return a method whose errors are one warning per object, and None is returned.

    Signals are no errors; nor is it one where nobody reads the lines that a callback prints.
    """

    @wraps(method)
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return method(self, *args, **kwargs)
        except Exception as error:
            closed = isinstance(error, BrokenPipeError) and isinstance(self, Callback)
            if closed or isinstance(error, Warning):  # that were made errors, as in tests
                raise
            failed: set[str] = vars(self).setdefault("_failed", set())
            name = f"{type(self).__name__}.{method.__name__}"
            if name not in failed:
                failed.add(name)
                reason = f"{type(error).__name__}: {one_line(error)}"
                rank_zero_warn(f"{name} failed, and the run goes on without it ({reason})")

    return call


def looking_on(logger: Logger) -> Logger:
    """Return a logger, of whatever class, with methods that forgive."""
    for name, method in inspect.getmembers(type(logger), inspect.isfunction):
        if not name.startswith("_"):
            setattr(logger, name, forgiving(method).__get__(logger))
    return logger
