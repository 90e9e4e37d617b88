"""The variants, one file per family: the table and the final LightningModules."""

from typing import Any

import alexnet_lightning

__all__ = list(alexnet_lightning.VARIANTS)


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(alexnet_lightning, name)
