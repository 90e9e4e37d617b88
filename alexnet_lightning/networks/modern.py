"""AlexNet's five convolutions with all else as of today."""

from collections import OrderedDict
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet_lightning.networks.base import ConvNet
from alexnet_lightning.networks.rows import Row, Window, convolutions, widened, with_activation

Size = Literal["small", "large"]
Activation = Literal["relu", "gelu"]
MODERN = (
    Row(64, kernel=3, padding=1, then="bn relu half"),
    Row(128, kernel=3, padding=1, then="bn relu half"),
    Row(192, kernel=3, padding=1, then="bn relu"),
    Row(192, kernel=3, padding=1, then="bn relu"),
    Row(128, kernel=3, padding=1, then="bn relu"),
)
# The widths and poolings of airbench94 (Jordan 2024, section 3.1): one convolution more.
MODERN_LARGE = (
    Row(64, kernel=3, padding=1, then="half bn relu"),
    Row(64, kernel=3, padding=1, then="bn relu"),
    Row(256, kernel=3, padding=1, then="half bn relu"),
    Row(256, kernel=3, padding=1, then="bn relu"),
    Row(256, kernel=3, padding=1, then="half bn relu"),
    Row(256, kernel=3, padding=1, then="bn relu"),
)
ROWS: dict[Size, tuple[Row, ...]] = {"small": MODERN, "large": MODERN_LARGE}


def modern(
    num_classes: int,
    in_channels: int,
    image_size: int,
    width: float,
    whitening: bool,
    size: Size = "small",
    logit_scale: float = 1.0,
    norm_scales: bool = True,
    activation: Activation = "relu",
) -> ConvNet:
    """Return 3 × 3 convolutions with batch norm, global max pooling and one linear layer."""
    rows = widened(with_activation(ROWS[size], activation), width)
    stem = Whitening(in_channels, activation) if whitening else None
    if stem is not None:
        in_channels, image_size = stem.out_channels, image_size - 1
    features, _ = convolutions(rows, in_channels, image_size, Window())
    for layer in features:
        if isinstance(layer, nn.BatchNorm2d):
            layer.weight.requires_grad_(norm_scales)
    if stem is not None:
        layers = OrderedDict(whiten=stem, **dict(features.named_children()))
        features = nn.Sequential(layers)
    logits = ScaledLinear(rows[-1].channels, num_classes, logit_scale)
    return ConvNet(features, nn.Sequential(OrderedDict(fc=logits)), nn.AdaptiveMaxPool2d(1))


class ScaledLinear(nn.Linear):
    """A linear layer times a constant, by whose square its outputs learn faster or slower.

    Source: Page, "How to train your ResNet", 2018 (1/8); Jordan 2024, section 3.1 (1/9).

    Args:
        in_features: values an image.
        out_features: logits an image.
        scale: the constant.
    """

    def __init__(self, in_features: int, out_features: int, scale: float) -> None:
        super().__init__(in_features, out_features)
        self.scale = scale

    def forward(self, features: Tensor) -> Tensor:
        return self.scale * super().forward(features)


class Whitening(nn.Module):
    """A fixed 2 × 2 convolution whose outputs are uncorrelated over the training images.

    Filters are the eigenvectors of the patches' covariance over the root of their eigenvalues, and
    the same negated, so that the ReLU or GELU after it loses nothing: f(x) - f(-x) is x for both.

    Source: Page, "How to train your ResNet", part 8, 2019; Jordan, "94% on CIFAR-10 in 3.29
    seconds on a single GPU", 2024, section 3.2.

    Args:
        in_channels: C of the image; 8 · C channels come out, maps one pixel smaller.
        activation: what follows the filters.
    """

    weight: Tensor

    def __init__(self, in_channels: int, activation: Activation = "relu") -> None:
        super().__init__()
        self.activation = F.gelu if activation == "gelu" else F.relu
        self.out_channels = 8 * in_channels
        half = torch.eye(4 * in_channels).view(-1, in_channels, 2, 2)
        self.register_buffer("weight", torch.cat([half, -half]))

    def fit(self, images: Tensor, floor: float = 5e-4) -> None:
        """Set the filters from images (N, C, H, W); `floor` is added to the eigenvalues."""
        patches = F.unfold(images.float(), 2).transpose(1, 2).flatten(0, 1)
        values, vectors = torch.linalg.eigh(patches.double().T.cov())
        filters = (vectors / (values + floor).sqrt()).T.flip(0)
        filters = filters.view(-1, self.weight.shape[1], 2, 2).to(self.weight)
        self.weight.copy_(torch.cat([filters, -filters]))

    def forward(self, images: Tensor) -> Tensor:
        return self.activation(F.conv2d(images, self.weight))
