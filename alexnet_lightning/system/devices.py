"""The device that a command computes on: one name, one check, the same words everywhere."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

from alexnet_lightning.system.errors import UserError

if TYPE_CHECKING:
    import torch

Device: TypeAlias = str  # "auto", "cpu", "cuda", "cuda:1" or "mps", checked by `chosen_device`


def chosen_device(name: Device) -> str:
    """Return the name that torch knows, for "auto" that of a GPU if there is one, else "cpu".

    Raises:
        UserError: there is no such name, or torch finds no such device.
    """
    import torch

    here = {"cpu": 1, "cuda": torch.cuda.device_count() if torch.cuda.is_available() else 0}
    here["mps"] = int(torch.backends.mps.is_available())
    if name == "auto":
        return next(kind for kind in ("cuda", "mps", "cpu") if here[kind])
    kind, _, index = name.partition(":")
    if kind not in here or not re.fullmatch(r"(cuda:\d+|[a-z]+)", name):
        raise UserError(f"--device {name}: give auto, cpu, cuda, cuda:1 (a number) or mps")
    if int(index or 0) >= here[kind]:
        found = ", ".join(
            f"cuda:{number}" if kind == "cuda" else kind
            for kind, count in here.items()
            for number in range(count)
        )
        raise UserError(f"--device {name}: torch does not find it here; give auto or {found}")
    return name


def moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a small tensor of the CPU on a device, without waiting for what the device does now.

    From pageable memory CUDA may wait; MPS has no pinned memory.
    """
    if device.type not in ("cpu", "mps"):
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)
