"""Which parts of a network a training has frozen: kept in a checkpoint and set again."""

from typing import Any

from torch import nn
from torch.nn.modules.batchnorm import _NormBase


def frozen_parts(module: nn.Module) -> dict[str, list[str]]:
    """Return the names of the parameters without a gradient, and of the norms that do not track."""
    parameters = [name for name, each in module.named_parameters() if not each.requires_grad]
    norms = [name for name, each in norms_of(module).items() if not each.track_running_stats]
    return {"parameters": parameters, "norms": norms}


def freeze_parts(module: nn.Module, frozen: dict[str, list[str]]) -> None:
    """Freeze what `frozen_parts` returned, and nothing else."""
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(name not in frozen["parameters"])
    for name, norm in norms_of(module).items():
        norm.track_running_stats = name not in frozen["norms"]


def norms_of(module: nn.Module) -> dict[str, Any]:
    return {name: each for name, each in module.named_modules() if isinstance(each, _NormBase)}
