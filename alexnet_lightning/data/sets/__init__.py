"""One data set per file; with this package all are imported, so that `--data` finds their names."""

from importlib import import_module
from pkgutil import iter_modules

for module in iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")
