"""Null where a class takes none: of model and data, jsonargparse lets it through."""

from inspect import signature
from pydoc import locate
from types import NoneType
from typing import Any, get_args, get_type_hints

from jsonargparse import Namespace

from alexnet_lightning.system.errors import UserError


def check_nulls(config: Namespace, linked: tuple[str, ...]) -> None:
    """Raise a UserError for the first argument of model or data that is null and may not be.

    `linked` are arguments of the model that the data gives later.
    """
    for key in ("model", "data"):
        if not (part := config.get(key)):
            continue
        kind: Any = locate(part.class_path)
        for name, value in vars(part.init_args).items():
            if value is None and name not in linked and not takes_none(kind, name):
                raise UserError(f"{key}.{name} is null: give a value, or leave it out")


def takes_none(kind: type, name: str) -> bool:
    """Tell whether an argument may be None: by its type or default, where a class names it."""
    for each in kind.__mro__:
        init: Any = vars(each).get("__init__")
        found = signature(init).parameters.get(name) if init else None
        if found is not None:
            hint = get_type_hints(init)[name]
            return found.default is None or hint is Any or NoneType in get_args(hint)
    return True
