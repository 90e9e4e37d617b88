"""AlexNet's five convolutions with everything else modern: 3 × 3, batch norm, global pooling."""

from collections import OrderedDict
from math import inf
from typing import Any, Literal, final

from torch import nn

from alexnet_lightning.networks.base import ConvNet
from alexnet_lightning.networks.layers import Activation, GlobalMaxPool, ScaledLinear, Whitening
from alexnet_lightning.networks.rows import Row, Window, convolutions, widen
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.classifier import ImageClassifier

Size = Literal["small", "large"]
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


@final
class AlexNetModern(ImageClassifier):
    """Five convolutions (large: six), all else modern: 3 × 3, batch norm, global pooling.

    0.85 M parameters at 10 classes, 1.97 M when large, whatever the image size.

    Source: ours; for the whitening see `networks.layers.Whitening`.

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        width: factor on the channels of every convolution, rounded to multiples of 8.
        whitening: whether a fixed 2 × 2 convolution, fitted to training images when `fit` starts,
            comes first.
        size: "small" ends with 128 channels after two poolings, "large" with 256 after three and
            has a sixth convolution, after the first; at 32 px 1.7 times the multiply-adds.
        logit_scale: factor on the logits, whose square multiplies the last layer's effective
            learning rate: 1/9 allows rates for the other layers that the last would not stand.
        norm_scales: whether the scales of batch norm are trained, or stay 1; its biases are always.
        activation: after every batch norm and the whitening, see `networks.layers.ACTIVATIONS`;
            "gelu" (Hendrycks and Gimpel 2016) is that of the CIFAR-10 speed records.

    Raises:
        UserError: the scale is not a finite number above 0.
        ValueError: the activation is "maxout" and `whitening` true.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        width: float = 1.0,
        whitening: bool = False,
        size: Size = "small",
        logit_scale: float = 1.0,
        norm_scales: bool = True,
        activation: Activation = "relu",
        **recipe: Any,
    ) -> None:
        if not 0 < logit_scale < inf:
            raise UserError(f"model.logit_scale is {logit_scale}: give a number > 0")
        rows = widen(MODERN if size == "small" else MODERN_LARGE, width, activation)
        stem = OrderedDict[str, nn.Module]()
        channels, side = in_channels, image_size
        if whitening:
            stem["whiten"] = Whitening(in_channels, activation)
            channels, side = 8 * in_channels, image_size - 1
        features, _ = convolutions(rows, channels, side, Window())
        for layer in features:
            if isinstance(layer, nn.BatchNorm2d):
                layer.weight.requires_grad_(norm_scales)
        features = nn.Sequential(stem | dict(features.named_children()))
        fc = ScaledLinear(rows[-1].channels, num_classes, logit_scale)
        network = ConvNet(features, nn.Sequential(OrderedDict(fc=fc)), GlobalMaxPool())
        super().__init__(network=network, num_classes=num_classes, **recipe)
