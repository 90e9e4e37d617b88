"""Data sets as LightningDataModules, and the transforms of their batches.

The names are imported when they are first used: a trained network needs the transforms and the
image decoder, but not Lightning.
"""

from alexnet_lightning import PUBLIC
from alexnet_lightning import __getattr__ as __getattr__

__all__ = [name for name, module in PUBLIC.items() if ".data." in module]
