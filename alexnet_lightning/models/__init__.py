"""The variants, one file per family: the table and the final LightningModules."""

from alexnet_lightning import VARIANTS
from alexnet_lightning import __getattr__ as __getattr__

__all__ = list(VARIANTS)
