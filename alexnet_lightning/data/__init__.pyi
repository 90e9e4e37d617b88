# ruff: noqa: F403
from alexnet_lightning import *

__all__: list[str]
