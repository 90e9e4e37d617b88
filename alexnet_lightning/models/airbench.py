"""The network of the CIFAR-10 speed record."""

from collections import OrderedDict
from math import inf
from typing import Any, final

from torch import nn

from alexnet_lightning.networks.base import ConvNet
from alexnet_lightning.networks.init import Init
from alexnet_lightning.networks.layers import GlobalMaxPool, ScaledLinear, Whitening
from alexnet_lightning.networks.rows import Row, Window, convolutions, widen
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.classifier import ImageClassifier

AIRBENCH94 = (
    Row(64, kernel=3, padding=1, then="half bn gelu"),
    Row(64, kernel=3, padding=1, then="bn gelu"),
    Row(256, kernel=3, padding=1, then="half bn gelu"),
    Row(256, kernel=3, padding=1, then="bn gelu"),
    Row(256, kernel=3, padding=1, then="half bn gelu"),
    Row(256, kernel=3, padding=1, then="bn gelu"),
)


@final
class Airbench94(ImageClassifier):
    """Whitening, three blocks of two 3 × 3 convolutions, max pooling and a linear layer.

    1,972,792 parameters at 10 classes, of which 1,971,352 are trained: the whitening's filters and
    the scales of batch norm are not. The convolutions' channels in the first blocks begin as the
    identity, and the logits are divided by the number of features.

    Source: Jordan, "94% on CIFAR-10 in 3.29 seconds on a single GPU", 2024; airbench94_muon.py of
    github.com/KellerJordan/cifar10-airbench. Its last pooling, 3 × 3 of maps of 3 px, is global
    here, which is the same at 32 px and takes larger images too.

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        width: factor on the channels of every convolution, rounded to multiples of 8.
        whitening: whether the first convolution whitens and stays as it is, or is trained from
            torch's initialization.
        logit_scale: factor on the logits; null for 1 / features, the source's. Its square
            multiplies the last layer's effective learning rate, so that another width wants another
            rate, or one factor for all: 1/9 in airbench94.py, the recipe before Muon.
        init: initialization, see `networks.init`; "identity" in the source.

    Raises:
        UserError: the scale is not a finite number above 0.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        width: float = 1.0,
        whitening: bool = True,
        logit_scale: float | None = None,
        init: Init = "identity",
        **recipe: Any,
    ) -> None:
        if logit_scale is not None and not 0 < logit_scale < inf:
            raise UserError(f"model.logit_scale is {logit_scale}: give a number > 0, or null")
        whiten = Whitening(in_channels, "gelu", bias=True, trained=not whitening)
        rows = widen(AIRBENCH94, width)
        layers, _ = convolutions(rows, whiten.out_channels, image_size - 1, Window())
        for layer in layers:
            if isinstance(layer, nn.BatchNorm2d):
                layer.eps, layer.momentum = 1e-12, 0.4  # the running statistics keep .6
                layer.weight.requires_grad_(False)
        features = nn.Sequential(OrderedDict(whiten=whiten) | dict(layers.named_children()))
        channels = rows[-1].channels
        fc = ScaledLinear(channels, num_classes, logit_scale or 1 / channels, bias=False)
        fc.weight.data /= fc.weight.data.std()
        network = ConvNet(features, nn.Sequential(OrderedDict(fc=fc)), GlobalMaxPool())
        super().__init__(network=network, num_classes=num_classes, init=init, **recipe)
