"""A GPU that computes nothing: shapes, types and devices of a step, and where the host waits.

Under torch's FakeTensorMode tensors have a device, a type and a shape, but no values, so no GPU is
needed. An operation on tensors of two devices raises, as it would on one. The device is torch's
slot for others' processors ("PrivateUse1"), since the autograd of a torch built for CUDA asks the
driver. torch knows it for the whole process, so these tests have a process of their own.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch
from lightning.pytorch.accelerators import CPUAccelerator
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode, _disable_current_modes
from torch.utils._pytree import tree_leaves
from torch.utils.backend_registration import (
    _DummyBackendModule,
    _setup_privateuseone_for_python_backend,
)

aten: Any = torch.ops.aten
# The size of their output depends on values, so the host waits for them.
SIZED_BY_VALUES = {aten.nonzero.default, aten.masked_select.default, aten._unique2.default}


class Driver(_DummyBackendModule):
    """What torch asks of a GPU's driver."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.bfloat16, torch.float16]

    def synchronize(self, device: Any = None) -> None:
        """Nothing is under way."""


_setup_privateuseone_for_python_backend("gpu", Driver())
GPU = torch.device("gpu", 0)


class Mode(FakeTensorMode):
    """FakeTensorMode that never computes on the device, not even a constant."""

    avoid_device_init = True  # type: ignore[assignment]

    def may_turn_const(self, t: Tensor) -> bool:
        return False


class Traffic(TorchDispatchMode):
    """Counts what makes the host wait for the GPU, and what crosses between them.

    "waits": values that Python reads, outputs whose size depends on values, copies to the host.
    "blocking": copies to the GPU for which the host waits, since they are not asked to be
    non-blocking. "sent": copies to the GPU without waiting. `bytes` is what all copies to it take.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.bytes = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        first = args[0] if args and isinstance(args[0], Tensor) else None
        if func is aten._local_scalar_dense.default:
            self.counts["waits"] += first.device == GPU
            return 0.0 if first.dtype.is_floating_point else 0
        if func is aten.equal.default:
            self.counts["waits"] += first.device == GPU
            return first is args[1]
        if func is aten._pin_memory.default:
            return first.clone()
        if "_fused_" in func.name():  # optimizers, in place; torch has no shapes for these
            leaves = tree_leaves((args, kwargs))
            assert {leaf.device for leaf in leaves if isinstance(leaf, Tensor)} == {GPU}, func
            return None
        if func in SIZED_BY_VALUES or (func is aten.index.Tensor and by_mask(args[1])):
            self.counts["waits"] += first.device == GPU
        result = func(*args, **kwargs)
        if func is aten._to_copy.default:
            self._cross(first, result.device, kwargs.get("non_blocking", False))
        elif func is aten.copy_.default:
            self._cross(args[1], first.device, bool(args[2:] and args[2]))
        return result

    def _cross(self, sent: Tensor, target: torch.device, non_blocking: bool) -> None:
        if sent.device.type == target.type:
            return
        if target.type == "cpu":
            self.counts["waits"] += 1
        else:
            self.counts["sent" if non_blocking else "blocking"] += 1
            self.bytes += sent.nbytes


def by_mask(indices: Any) -> bool:
    return any(index is not None and index.dtype == torch.bool for index in indices)


TORCHS = {Tensor: Tensor.__deepcopy__, nn.Parameter: nn.Parameter.__deepcopy__}


def copied(tensor: Tensor, memo: dict[int, Any]) -> Any:
    """Copy a tensor with values or one without; under a FakeTensorMode torch cannot."""
    kind = nn.Parameter if isinstance(tensor, nn.Parameter) else Tensor
    if not isinstance(tensor, FakeTensor):
        with _disable_current_modes():
            return TORCHS[kind](tensor, memo)
    copy = tensor.detach().clone()
    memo[id(tensor)] = copy = nn.Parameter(copy) if kind is nn.Parameter else copy
    return copy


def stay(parameter: Tensor, moved: Tensor) -> None:
    """What `Module.to` does with a parameter that is on the GPU already."""
    assert parameter.device == moved.device, (parameter, moved)
    assert parameter.dtype == moved.dtype


@contextmanager
def make_believe() -> Iterator[Traffic]:
    """Let tensors be on the GPU; those that were made before count as being on the CPU."""
    # In this thread: torch has none for a device that came after its first backward pass.
    with (
        torch.autograd.set_multithreading_enabled(False),
        patch.object(Tensor, "__deepcopy__", copied),
        patch.object(nn.Parameter, "__deepcopy__", copied),
        patch("torch.utils.swap_tensors", stay),
        # torchvision's mixing asks whether its constants are in range.
        patch.object(torch.distributions.Distribution, "_validate_args", False),
        Mode(allow_non_fake_inputs=True),
        Traffic() as traffic,
    ):
        yield traffic


class Accelerator(CPUAccelerator):
    """What a Trainer asks of a GPU's driver."""

    def setup_device(self, device: torch.device) -> None:
        """Nothing is to be set up."""


class Strategy(SingleDeviceStrategy):
    """One GPU that is not there."""

    def __init__(self) -> None:
        super().__init__(GPU, Accelerator())

    def teardown(self) -> None:
        """Leave the module where it is: torch cannot move tensors without values back."""
