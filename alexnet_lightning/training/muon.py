"""Muon for convolutions, stochastic gradient descent for all else, as one optimizer."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

# A quintic that drives singular values between 0 and 1 to about 1: steep at 0, not exact at 1.
QUINTIC = (3.4445, -4.7750, 2.0315)


class MuonSGD(Optimizer):
    """Muon for the filters of convolutions; SGD with Nesterov momentum for all other parameters.

    The filters of a convolution are a matrix (out, in · k · k). The momentum of its gradient is
    orthogonalized: all singular values become about 1. Before each step the filters are rescaled
    so that the mean square of their norms is 1, which only a batch norm after the convolution makes
    harmless.

    Source: Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024;
    airbench94_muon.py of github.com/KellerJordan/cifar10-airbench. `torch.optim.Muon` takes
    matrices alone.

    Args:
        lr: length of the filters' steps in each direction, >= 0; the filters have norms of about 1.
        momentum: of the filters, in [0, 1).
        rest_lr_factor: rate of the linear layers, biases and norms over `lr`, >= 0.
        rest_momentum: momentum of the rest, in [0, 1).
        weight_decay: of the rest, >= 0; the filters keep their norm.
        iterations: Newton–Schulz iterations, >= 1.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        params: Any,
        lr: float = 0.24,
        momentum: float = 0.6,
        rest_lr_factor: float = 8.0,
        rest_momentum: float = 0.85,
        weight_decay: float = 0.0,
        iterations: int = 3,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "rest_lr_factor": rest_lr_factor,
            "rest_momentum": rest_momentum,
            "weight_decay": weight_decay,
            "iterations": iterations,
        }
        for name, value in defaults.items():
            if name.endswith("momentum") and not 0 <= value < 1:
                raise ValueError(f"{name} is {value}: give a number in [0, 1)")
            if value < (least := int(name == "iterations")):
                raise ValueError(f"{name} is {value}: give a number >= {least}")
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Take a step, with the gradients there are, after `closure` if one is given."""
        with torch.enable_grad():
            loss = closure() if closure is not None else None
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    step = self._step_filters if parameter.ndim == 4 else self._step_rest
                    step(parameter, parameter.grad, group)
        return loss

    def _step_filters(self, filters: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        direction = self._nesterov(filters, gradient, group["momentum"])
        update = orthogonalized(direction.flatten(1), group["iterations"]).view(filters.shape)
        filters.mul_(len(filters) ** 0.5 / filters.norm())
        filters.sub_(update, alpha=group["lr"])

    def _step_rest(self, parameter: Tensor, gradient: Tensor, group: dict[str, Any]) -> None:
        gradient = gradient.add(parameter, alpha=group["weight_decay"])
        direction = self._nesterov(parameter, gradient, group["rest_momentum"])
        parameter.sub_(direction, alpha=group["lr"] * group["rest_lr_factor"])

    def _nesterov(self, parameter: Tensor, gradient: Tensor, momentum: float) -> Tensor:
        state = self.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        buffer = state["momentum_buffer"].mul_(momentum).add_(gradient)
        return gradient.add(buffer, alpha=momentum)


def orthogonalized(matrix: Tensor, iterations: int) -> Tensor:
    """Return a matrix of the same singular vectors, with singular values of about 1.

    Source: `zeropower_via_newtonschulz5` of airbench94_muon.py. Small ones stay below.
    """
    a, b, c = QUINTIC
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    # No singular value is above 1, whatever the scale; of zeros nothing but zeros comes.
    wide = wide / wide.norm().clamp(min=torch.finfo(wide.dtype).tiny)
    for _ in range(iterations):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide if matrix.shape[0] <= matrix.shape[1] else wide.T
