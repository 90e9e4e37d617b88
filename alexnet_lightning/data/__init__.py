"""Data sets as LightningDataModules, and the transforms of their batches.

The names are imported when they are first used: a trained network needs the transforms and the
image decoder, but not Lightning.
"""

from typing import Any

import alexnet_lightning

__all__ = [name for name, module in alexnet_lightning.PUBLIC.items() if ".data." in module]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(alexnet_lightning, name)
