"""The net of the paper with its ablations, and the net of its authors' code."""

from typing import Any, Literal, final

from alexnet_lightning.networks.alexnet import (
    ALEXNET,
    ALEXNET_2012,
    APART,
    OVERLAPPING,
    Stem,
    Towers,
    alexnet,
    in_towers,
    without_lrn,
)
from alexnet_lightning.networks.rows import Window, with_activation
from alexnet_lightning.training.classifier import ImageClassifier


@final
class AlexNet(ImageClassifier):
    """The paper's net as most ports have it: one tower, LRN, overlapping pooling.

    62,378,344 parameters at 1000 classes, 58,322,314 at 10. Its arguments are the ablations.

    Source: Krizhevsky et al. 2012, section 3.5; write-ups 0, 2, 3 and 4. Ablations: nets #147, #148
    and #150 of the authors' code, and figure 1.

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        stem: "imagenet" (11 × 11, stride 4), or "small" for images of 32 px and less.
        width: multiplies the channels of every hidden layer.
        dropout: probability of dropping an output of fc6 and fc7.
        norm: "lrn", or "none" (#148).
        overlapping: pooling 3/2, or 2/2 (#147).
        towers: "one"; "joined", two as in the paper; "apart", two without connections (#150).
        activation: "relu" or "tanh".
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        stem: Stem = "imagenet",
        width: float = 1.0,
        dropout: float = 0.5,
        norm: Literal["lrn", "none"] = "lrn",
        overlapping: bool = True,
        towers: Towers = "one",
        activation: Literal["relu", "tanh"] = "relu",
        **recipe: Any,
    ) -> None:
        rows = list(ALEXNET) if norm == "lrn" else without_lrn(ALEXNET)
        if towers != "one":
            rows = in_towers(rows, connected=towers == "joined")
        rows = with_activation(rows, activation)
        network = alexnet(
            num_classes,
            in_channels,
            image_size,
            rows,
            stem,
            width,
            dropout,
            pool=OVERLAPPING if overlapping else APART,
            towers=1 if towers == "one" else 2,
        )
        super().__init__(network=network, num_classes=num_classes, **recipe)


@final
class AlexNet2012(ImageClassifier):
    """The authors' own net #145: two towers, LRN in each, sizes that round up.

    60,965,224 parameters at 1000 classes.

    Source: `layers/layers-145.cfg` of the code of 2012, which differs from the paper: conv1's ReLU
    comes after LRN and pooling, conv5's after pooling, and conv2 has a second norm within each map.

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        stem: "imagenet" (11 × 11, stride 4), or "small" for images of 32 px and less.
        width: multiplies the channels of every hidden layer.
        dropout: probability of dropping an output of fc6 and fc7.
    """

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        stem: Stem = "imagenet",
        width: float = 1.0,
        dropout: float = 0.5,
        **recipe: Any,
    ) -> None:
        network = alexnet(
            num_classes,
            in_channels,
            image_size,
            ALEXNET_2012,
            stem,
            width,
            dropout,
            pool=Window(3, 2, ceil=True),
            towers=2,
        )
        super().__init__(network=network, num_classes=num_classes, **recipe)
