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

    graphic = [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    graphic += ["mps"] if torch.backends.mps.is_available() else []
    if name == "auto":
        return graphic[0].removesuffix(":0") if graphic else "cpu"
    if not re.fullmatch(r"cpu|mps|cuda(:\d+)?", name):
        raise UserError(f"--device {name}: give auto, cpu, cuda, cuda:1 (a number) or mps")
    if name not in (here := ["cpu", *graphic]) and f"{name}:0" not in here:
        raise UserError(
            f"--device {name}: torch does not find it here; give auto or {', '.join(here)}"
        )
    return name


def moved(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """Return a small tensor of the CPU on a device, without waiting for what the device does now.

    From pageable memory CUDA may wait; MPS has no pinned memory.
    """
    if device.type not in ("cpu", "mps"):
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


def free_memory(device: torch.device) -> int | None:
    """Return the bytes that are free on a GPU; None for a device that has no memory of its own."""
    import torch

    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else None
