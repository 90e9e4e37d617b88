"""Weight averaging for which the host does not wait."""

from collections.abc import Iterator
from functools import partial
from itertools import chain, count
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import WeightAveraging
from torch import nn
from torch.optim.swa_utils import AveragedModel


def count_on_host(trainer: Trainer) -> None:
    """Let each moving average of a Trainer count its updates in Python.

    torch reads its counter from the device twice a step, and the host waits for all kernels before.
    """
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        average = callback._average_model if isinstance(callback, WeightAveraging) else None
        # Without buffers, or of all steps alike, torch does it in another way.
        if average is not None and average.avg_fn is not None and average.use_buffers:
            updates = count(int(average.n_averaged))
            average.update_parameters = partial(update, average, updates)  # type: ignore[method-assign]


@torch.no_grad()
def update(average: AveragedModel, updates: Iterator[int], model: nn.Module) -> None:
    """`average.update_parameters(model)`, with the same numbers; `updates` counts those before."""
    number, averaging = next(updates), average.avg_fn
    assert averaging is not None
    for averaged, current in zip(tensors(average.module), tensors(model), strict=True):
        new = current.detach().to(averaged.device)
        averaged.copy_(averaging(averaged, new, number) if number else new)
    average.n_averaged += 1


def tensors(module: nn.Module) -> Iterator[Any]:
    return chain(module.parameters(), module.buffers())
