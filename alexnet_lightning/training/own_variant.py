"""The class of a network of the user's own, by the path that the run's configuration gives."""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from alexnet_lightning.system import mode
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.run_folder import RunFolder

if TYPE_CHECKING:
    from alexnet_lightning.training.classifier import ImageClassifier


def own_variant(run: RunFolder) -> "type[ImageClassifier] | None":
    """Return the class of a run's network, imported; None for one of the package's.

    It is found where Python finds the user's modules: in installed packages, on PYTHONPATH, and
    under `python -m` in the working directory; never in the run folder, which others may have made.

    Raises:
        UserError: it cannot be imported, lies in the run folder, or is no ImageClassifier.
    """
    module, _, name = class_path(run).rpartition(".")
    if module.partition(".")[0] in ("", "alexnet_lightning"):
        return None
    told = f"{module}.{name}, the network of {run.path}"
    if module not in sys.modules:
        if any(place.is_relative_to(run.path.resolve()) for place in places(module)):
            raise UserError(f"{told}: not imported from a run folder; put its file elsewhere")
        mode.may_train = True  # the module may use all of Lightning
    known = module in sys.modules
    try:
        found: Any = getattr(import_module(module), name)
    except Exception as error:  # the user's file can raise anything
        raise UserError(
            f"cannot import {told} ({one_line(error)}); put the folder of its file on PYTHONPATH"
        ) from error
    from alexnet_lightning.training.classifier import ImageClassifier

    if not (isinstance(found, type) and issubclass(found, ImageClassifier)):
        raise UserError(f"{told}, is no ImageClassifier")
    if not known:
        print(f"{name} comes from {sys.modules[module].__file__}", file=sys.stderr)
    return found


def class_path(run: RunFolder) -> str:
    """Return what the run's configuration names as its model, "" if it does not."""
    try:
        return str(yaml.safe_load(run.config.read_text(encoding="utf-8"))["model"]["class_path"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return ""  # a checkpoint of another Trainer; who reads the rest of it says what is wrong


def places(module: str) -> list[Path]:
    """Return where a module's file, or the folders of its package, lie; imports nothing."""
    spec = find_spec(module.partition(".")[0])
    if spec is None:
        return []
    found = [spec.origin, *(spec.submodule_search_locations or ())]
    return [Path(place).resolve() for place in found if place]
