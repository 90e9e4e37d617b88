"""What is each idea in and after AlexNet worth? A reference laboratory in PyTorch Lightning.

The public names are those of `__init__.pyi`; each is imported when it is first used.
"""

import ast
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

__version__ = "0.1.0"

PUBLIC = {  # name: module
    name.name: node.module
    for node in ast.parse(Path(__file__).with_suffix(".pyi").read_text(encoding="utf-8")).body
    if isinstance(node, ast.ImportFrom) and node.module
    for name in node.names
}
DATA_SETS = {name: module for name, module in PUBLIC.items() if ".data.sets." in module}
VARIANTS = {
    name: module
    for name, module in PUBLIC.items()
    if ".models." in module and not module.endswith(".create")
}
COMMANDS = ("fit", "evaluate", "predict")  # the functions, not the modules of their names
__all__ = list(PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(PUBLIC[name]), name)
    setattr(sys.modules[__name__], name, value)
    return value


class _Package(ModuleType):
    """The package: `alexnet_lightning.fit` is the function, also once its module is imported."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in COMMANDS and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
