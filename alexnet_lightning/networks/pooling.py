"""Poolings that torch lacks, with the arguments of torch's own; maps (N, C, S, S)."""

from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet_lightning.networks.layers import wide


class Pool(nn.Module):
    """A square window that moves over the maps.

    Args:
        kernel_size, stride, padding: in pixels.
        ceil_mode: whether a last window may extend over the right and bottom edge.
    """

    def __init__(
        self, kernel_size: int, stride: int, padding: int = 0, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.kernel_size, self.stride = kernel_size, stride
        self.padding, self.ceil_mode = padding, ceil_mode

    def extra_repr(self) -> str:
        names = ("kernel_size", "stride", "padding", "ceil_mode")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class MaxAveragePool(Pool):
    """The largest value of each window plus its mean, in which zeros outside the maps count.

    Source: Mishkin et al. 2017.
    """

    def forward(self, maps: Tensor) -> Tensor:
        window = (self.kernel_size, self.stride, self.padding)
        largest = F.max_pool2d(maps, *window, ceil_mode=self.ceil_mode)
        return largest + F.avg_pool2d(maps, *window, ceil_mode=self.ceil_mode)


class StochasticPool(Pool):
    """A value of each window, random in proportion to its size; their mean in evaluation.

    p_i = a_i / Σ a, then a_i in training and Σ p_i a_i in evaluation. Negative values have the
    probability 0; a window without a positive one gives 0.

    Source: Zeiler and Fergus, "Stochastic Pooling for Regularization of Deep Convolutional Neural
    Networks", 2013, for activations that are not negative.
    """

    def forward(self, maps: Tensor) -> Tensor:
        positive = self.padded(wide(maps)).clamp(min=0)
        window = (self.kernel_size, self.stride)
        if self.training:
            return self.sample(positive).to(maps.dtype)
        squares, mean = (F.avg_pool2d(x, *window) for x in (positive.square(), positive))
        return (squares / mean.clamp(min=torch.finfo(mean.dtype).tiny)).to(maps.dtype)

    def padded(self, maps: Tensor) -> Tensor:
        """Return the maps with zeros around them, so that the windows fit in."""
        room = maps.shape[-1] + 2 * self.padding - self.kernel_size
        more = -room % self.stride if self.ceil_mode else 0
        before, after = self.padding, self.padding + more
        return F.pad(maps, (before, after, before, after))

    def sample(self, maps: Tensor) -> Tensor:
        windows = F.unfold(maps, self.kernel_size, stride=self.stride)
        windows = windows.unflatten(1, (maps.shape[1], -1))  # (N, C, values, positions)
        with torch.no_grad():  # the inverse of the distribution function, of a uniform number
            # Not `cumsum`, which CUDA refuses with deterministic algorithms.
            sums = torch.stack([*accumulate(windows.unbind(2))], dim=2)
            levels = torch.rand_like(sums[:, :, -1:]) * sums[:, :, -1:]
            index = (sums <= levels).sum(dim=2, keepdim=True).clamp(max=windows.shape[2] - 1)
        side = (maps.shape[-1] - self.kernel_size) // self.stride + 1
        return windows.gather(2, index).unflatten(3, (side, side)).squeeze(2)
