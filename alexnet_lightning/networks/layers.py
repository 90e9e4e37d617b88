"""Layers that torch lacks, or has only in a slower form."""

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F

Activation = Literal[
    "relu", "leaky_relu", "very_leaky_relu", "prelu", "elu", "selu", "gelu", "tanh", "maxout",
    "none",
]  # fmt: skip
Skip = Literal["none", "plain", "padded", "scaled"]
BLOCK = 32  # channels; fastest of 32, 64, 128 at 96 and at 256 channels on an AMD EPYC


class Maxout(nn.Module):
    """The larger of two linear functions: y[c] = max(x[2c], x[2c + 1]), (N, 2C, …) to (N, C, …).

    Neighboring channels make a pair, so that no pair belongs to two towers.

    Source: Goodfellow et al. 2013.
    """

    def forward(self, values: Tensor) -> Tensor:
        return torch.maximum(*values.unflatten(1, (-1, 2)).unbind(2))


# By name, for so many channels or units; of "maxout" the layer before makes `pieces` times as many.
ACTIVATIONS: dict[Activation, Callable[[int], nn.Module]] = {
    "relu": lambda _: nn.ReLU(inplace=True),
    "leaky_relu": lambda _: nn.LeakyReLU(0.01),  # Maas et al. 2013
    "very_leaky_relu": lambda _: nn.LeakyReLU(1 / 3),  # VLReLU of Mishkin et al. 2017
    "prelu": nn.PReLU,  # He et al. 2015: a slope per channel, .25 at initialization
    "elu": lambda _: nn.ELU(),
    "selu": lambda _: nn.SELU(),
    "gelu": lambda _: nn.GELU(),
    "tanh": lambda _: nn.Tanh(),
    "maxout": lambda _: Maxout(),
    "none": lambda _: nn.Identity(),
}


def pieces(activation: str) -> int:
    """Return how many outputs of a convolution or linear layer one output of the activation takes.

    The width of a layer is that after the activation: under maxout it has twice the filters.
    """
    return 2 if activation == "maxout" else 1


class LocalResponseNorm(nn.Module):
    """Divide each value by a function of the same position in the neighboring channels.

    y[c] = x[c] · (k + alpha / size · Σ x[c']²) ^ -beta, c' within size // 2 of c, in c's own group.
    Equal to `torch.nn.LocalResponseNorm`, in a third of its time or less on a CPU.

    Source: Krizhevsky et al. 2012, section 3.3, with alpha divided by the size as in their code.

    Args:
        channels: of the input (N, channels, H, W).
        size: number of channels in the sum, odd.
        alpha, beta, k: constants of the formula.
        groups: towers, which do not see each other; divides `channels`.
    """

    def __init__(
        self,
        channels: int,
        size: int = 5,
        alpha: float = 1e-4,
        beta: float = 0.75,
        k: float = 2.0,
        groups: int = 1,
    ) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k, self.groups = size, alpha, beta, k, groups
        index, tower = torch.arange(channels), torch.arange(channels) // (channels // groups)
        near = (index[:, None] - index).abs() <= size // 2
        band = near & (tower[:, None] == tower)
        # The sum over neighbors as one matrix product, which is fast on every processor.
        self.register_buffer("band", band.float() * (alpha / size), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        with torch.autocast(maps.device.type, enabled=False):
            formula = (self.band, self.size // 2, self.beta, self.k)
            normed: Tensor = Normalise.apply(wide(maps), *formula)
        return normed.to(maps.dtype)

    def extra_repr(self) -> str:
        names = ("size", "alpha", "beta", "k", "groups")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)


class Normalise(torch.autograd.Function):
    """x · (k + band · x²) ^ -beta and its gradient, for maps in channels-last layout."""

    @staticmethod
    def forward(ctx: Any, maps: Tensor, band: Tensor, reach: int, beta: float, k: float) -> Tensor:
        maps = maps.contiguous(memory_format=torch.channels_last)
        denominator = across(maps.square(), band, reach).add_(k)
        ctx.save_for_backward(maps, band, denominator)
        ctx.reach, ctx.beta = reach, beta
        # Not in place: torch 2.11 would compile what is returned to a gradient of zeros.
        return power(denominator, beta) * maps

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        maps, band, denominator = ctx.saved_tensors
        direct = power(denominator, ctx.beta).mul_(gradient)
        through = across((direct * maps).div_(denominator), band, ctx.reach)
        return direct.addcmul_(through, maps, value=-2 * ctx.beta), None, None, None, None


def across(maps: Tensor, band: Tensor, reach: int) -> Tensor:
    """Return `band` (C, C), symmetric and zero beyond `reach` of its diagonal, times the maps."""
    channels = len(band)
    rows = maps.permute(0, 2, 3, 1).reshape(-1, channels)
    sums = torch.empty_like(rows)
    # In blocks along the diagonal, since the rest is zero; on a GPU one call is faster, and blocks
    # would break torch.compile's graph in two.
    on_cpu = maps.device.type == "cpu" and not torch.compiler.is_dynamo_compiling()
    block = BLOCK if on_cpu else channels
    for start in range(0, channels, block):
        end = min(start + block, channels)
        near = slice(max(0, start - reach), end + reach)
        torch.mm(rows[:, near], band[near, start:end], out=sums[:, start:end])
    count, _, height, width = maps.shape
    return sums.view(count, height, width, channels).permute(0, 3, 1, 2)


def wide(maps: Tensor) -> Tensor:
    """Return the maps in float32 at least: in 16 bits their squares would overflow."""
    return maps.to(torch.promote_types(maps.dtype, torch.float32))


def power(denominator: Tensor, beta: float) -> Tensor:
    """Return `denominator ^ -beta`, by square roots for the paper's .75, which vectorize."""
    if beta == 0.75:
        root = denominator.rsqrt()
        return root.sqrt().mul_(root)
    return denominator.pow(-beta)


class WithinMapNorm(nn.Module):
    """Divide each value by a function of its neighbors in the same map.

    y = x · (k + alpha / size² · Σ x²) ^ -beta over a size × size window, zeros outside the map.

    Source: the authors' code of 2012, `rnorm` layers: net #145 after conv2 (not in the paper), with
    scale .001 and power .75; cuda-convnet's net with 18 % error on CIFAR-10.
    """

    def __init__(
        self, size: int = 5, alpha: float = 1e-3, beta: float = 0.75, k: float = 1.0
    ) -> None:
        super().__init__()
        self.size, self.alpha, self.beta, self.k = size, alpha, beta, k

    def forward(self, maps: Tensor) -> Tensor:
        with torch.autocast(maps.device.type, enabled=False):
            values = wide(maps)
            mean = F.avg_pool2d(values.square(), self.size, stride=1, padding=self.size // 2)
            normed = values * (self.k + self.alpha * mean).pow(-self.beta)
        return normed.to(maps.dtype)


class Dropout2012(nn.Module):
    """Dropout without rescaling in training: y = mask · x then, and (1 - p) · x in evaluation.

    Today's (inverted) dropout divides by 1 - p in training instead. In the layer that reads them,
    the same numbers of today's are another recipe: as if with p = .5 the weights were sampled with
    twice the standard deviation, learned at four times the rate and decayed by a quarter.

    Source: Krizhevsky et al. 2012, section 4.2, and their code.

    Args:
        p: probability of dropping a value, 0 to 1.
    """

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def forward(self, values: Tensor) -> Tensor:
        if not self.training:
            return values * (1 - self.p)
        return values * torch.empty_like(values).bernoulli_(1 - self.p)

    def extra_repr(self) -> str:
        return f"p={self.p}"


class LocallyConnected(nn.Module):
    """A convolution whose weights are not shared: each position of the output has its own.

    y[n, o, i] = bias[i, o] + Σ_k weight[i, o, k] · patch_i(x[n])[k], for output positions i.

    Source: cuda-convnet, `type=local`.

    Args:
        in_channels, out_channels: of the maps.
        side: of the input's maps in pixels, (N, in_channels, side, side).
        kernel, padding: window in pixels, and zeros around the maps; the stride is 1.
    """

    def __init__(
        self, in_channels: int, out_channels: int, side: int, kernel: int, padding: int
    ) -> None:
        super().__init__()
        self.kernel, self.padding = kernel, padding
        self.side = side + 2 * padding - kernel + 1
        size = in_channels * kernel**2
        self.weight = nn.Parameter(torch.empty(self.side**2, size, out_channels))
        self.bias = nn.Parameter(torch.zeros(self.side**2, 1, out_channels))
        nn.init.normal_(self.weight, std=size**-0.5)

    def forward(self, maps: Tensor) -> Tensor:
        patches = F.unfold(maps, self.kernel, padding=self.padding)  # (N, size, positions)
        values = torch.baddbmm(self.bias, patches.permute(2, 0, 1), self.weight)
        return values.permute(1, 2, 0).unflatten(2, (self.side, self.side))


class TowerLinear(nn.Linear):
    """A linear layer in groups: each part of the outputs reads its own part of the inputs alone.

    The weight is (out_features, in_features / groups).
    """

    def __init__(self, in_features: int, out_features: int, groups: int = 2) -> None:
        super().__init__(in_features // groups, out_features)
        self.groups = groups

    def forward(self, features: Tensor) -> Tensor:
        parts = features.unflatten(1, (self.groups, -1))
        weight = self.weight.unflatten(0, (self.groups, -1))
        return torch.einsum("ngi,goi->ngo", parts, weight).flatten(1) + self.bias


class StretchedLinear(nn.Linear):
    """Average pooling to a larger map and a linear layer, as one linear layer.

    y = W · (S · x) is computed as (W · S) · x, where S is `AdaptiveAvgPool2d(positions)` from a
    smaller map: the same function and weight, with (positions / side)² times fewer multiply-adds.

    Args:
        channels: of the input (N, channels · side²), flattened maps.
        side: of the maps in pixels, below `positions`.
        positions: side of the larger map; fc (out_features, channels · positions²) reads it.
        out_features: number of units.
    """

    stretch: Tensor

    def __init__(self, channels: int, side: int, positions: int, out_features: int) -> None:
        super().__init__(channels * positions**2, out_features)
        self.positions = positions
        one_by_one = torch.eye(side**2).unflatten(1, (side, side))
        stretched = F.adaptive_avg_pool2d(one_by_one, positions).flatten(1)
        self.register_buffer("stretch", stretched.T.contiguous(), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        read = self.weight.view(-1, self.positions**2) @ self.stretch
        return F.linear(maps, read.view(self.out_features, -1), self.bias)


class ScaledLinear(nn.Linear):
    """A linear layer times a constant: its outputs learn faster or slower by the constant squared.

    Source: Page, "How to train your ResNet", 2018 (1/8); Jordan 2024, section 3.1 (1/9).
    """

    def __init__(
        self, in_features: int, out_features: int, scale: float, bias: bool = True
    ) -> None:
        super().__init__(in_features, out_features, bias)
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        return self.scale * super().forward(features)


class PadChannels(nn.Module):
    """The same maps with further ones of zeros, or without the last ones, to a number of channels.

    Source: He et al. 2015, "Deep Residual Learning", section 4.1, option A, which only adds maps.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def forward(self, maps: Tensor) -> Tensor:
        return F.pad(maps, (0, 0, 0, 0, 0, self.channels - maps.shape[1]))


class Residual(nn.Module):
    """A residual connection around a convolution F: P(x) + a · F(x).

    Source: He et al. 2015, "Deep Residual Learning", figure 2. Scaled: SkipInit (De and Smith
    2020), ReZero (Bachlechner et al. 2020).

    Args:
        mapping: F, which keeps the size of the maps.
        in_channels, out_channels: of F. P is the identity where they are equal, else a 1 × 1
            convolution, or `PadChannels`.
        skip: "plain" has a = 1; so has "padded", with `PadChannels`. "scaled" learns a, initialized
            with 0, so that the initial network is that without F, whose signal neither grows nor
            shrinks with depth.
    """

    def __init__(self, mapping: nn.Module, in_channels: int, out_channels: int, skip: Skip) -> None:
        super().__init__()
        self.mapping = mapping
        self.projection: nn.Module = nn.Identity()
        if in_channels != out_channels and skip == "padded":
            self.projection = PadChannels(out_channels)
        elif in_channels != out_channels:
            self.projection = nn.Conv2d(in_channels, out_channels, 1, bias=False)
        self.scale = nn.Parameter(torch.zeros(())) if skip == "scaled" else None

    def forward(self, maps: Tensor) -> Tensor:
        branch = self.mapping(maps)
        return self.projection(maps) + (branch if self.scale is None else self.scale * branch)


class GlobalMaxPool(nn.Module):
    """The largest value of each map, (N, C, H, W) to (N, C, 1, 1).

    As `AdaptiveMaxPool2d(1)`, whose gradient on CUDA is not deterministic.
    """

    def forward(self, maps: Tensor) -> Tensor:
        return F.max_pool2d(maps, maps.shape[-2:])


class Whitening(nn.Module):
    """A fixed 2 × 2 convolution whose outputs are uncorrelated over the training images.

    Filters are the eigenvectors of the patches' second moments over the root of their eigenvalues,
    and their negatives, so that the ReLU or GELU after it loses nothing: f(x) - f(-x) is x for
    both.

    Source: Page, "How to train your ResNet", part 8, 2019; Jordan, "94% on CIFAR-10 in 3.29
    seconds on a single GPU", 2024, section 3.2.

    Args:
        in_channels: C of the images; the output has 8 · C channels, one pixel smaller.
        activation: applied to the filters' outputs; not "maxout".
        bias: whether a bias, which is trained, is added to them; initialized as torch's.
        trained: whether the filters do not whiten, but are trained from torch's initialization.

    Raises:
        ValueError: the activation is "maxout".
    """

    def __init__(
        self,
        in_channels: int,
        activation: Activation = "relu",
        bias: bool = False,
        trained: bool = False,
    ) -> None:
        super().__init__()
        if activation == "maxout":
            raise ValueError("activation maxout pairs no filters of the whitening: give another")
        self.out_channels = 8 * in_channels
        self.activation = ACTIVATIONS[activation](self.out_channels)
        half = torch.eye(4 * in_channels).view(-1, in_channels, 2, 2)
        filters = torch.cat([half, -half])
        bound = (4 * in_channels) ** -0.5
        if trained:
            filters.uniform_(-bound, bound)
        self.weight = nn.Parameter(filters, requires_grad=trained)
        start = torch.empty(self.out_channels).uniform_(-bound, bound) if bias else None
        self.bias = None if start is None else nn.Parameter(start)

    def fit(self, images: Tensor, floor: float = 5e-4) -> None:
        """Set the filters from images (N, C, H, W), unless they are trained.

        `floor` is added to the eigenvalues.
        """
        if self.weight.requires_grad:
            return
        patches = F.unfold(images.float(), 2).transpose(1, 2).flatten(0, 1).double()
        values, vectors = torch.linalg.eigh(patches.T @ patches / len(patches))
        filters = (vectors / (values + floor).sqrt()).T.flip(0)
        filters = filters.view(-1, self.weight.shape[1], 2, 2).to(self.weight)
        self.weight.data.copy_(torch.cat([filters, -filters]))

    def forward(self, images: Tensor) -> Tensor:
        filtered: Tensor = self.activation(F.conv2d(images, self.weight, self.bias))
        return filtered
