"""AlexNet as a table, one row per convolution, to be read beside figure 2 of the paper.

Sources: Krizhevsky, Sutskever and Hinton, "ImageNet Classification with Deep Convolutional Neural
Networks", 2012; their code of that year (net #145).
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, ClassVar, Literal, final, get_args

from torch import nn

from alexnet_lightning.networks.base import ConvNet, Stem
from alexnet_lightning.networks.layers import (
    ACTIVATIONS,
    Activation,
    Skip,
    StretchedLinear,
    TowerLinear,
    pieces,
)
from alexnet_lightning.networks.rows import Row, Window, convolutions, head, scaled, stemmed, widen
from alexnet_lightning.training.classifier import ImageClassifier

Norm = Literal["lrn", "lrn_text", "bn", "bn_after", "none"]
Pooling = Literal["max", "average", "max_average", "stochastic", "strided"]
Towers = Literal["one", "joined", "apart"]
POOLING_WORDS = {"average": "avg", "max_average": "maxavg", "stochastic": "stochastic"}

# Section 3.5, both towers in one. Padding 2 gives the paper's 55 × 55 maps from 224 px.
ALEXNET = (
    Row(96, kernel=11, stride=4, padding=2, then="relu lrn pool"),
    Row(256, kernel=5, padding=2, then="relu lrn pool"),
    Row(384, kernel=3, padding=1, then="relu"),
    Row(384, kernel=3, padding=1, then="relu"),
    Row(256, kernel=3, padding=1, then="relu pool"),
)
# layers-145.cfg: two towers; sizes round up, so that 224 px give 55 × 55 without padding.
ALEXNET_2012 = (
    Row(96, kernel=11, stride=4, then="lrn pool relu"),
    Row(256, kernel=5, padding=2, groups=2, then="relu lrn mapnorm pool"),
    Row(384, kernel=3, padding=1, then="relu"),  # reads both towers
    Row(384, kernel=3, padding=1, groups=2, then="relu"),
    Row(256, kernel=3, padding=1, groups=2, then="pool relu"),
)
IN_TOWERS = {"one": (), "joined": (2, 4, 5), "apart": (2, 3, 4, 5)}  # rows that read their tower


def with_norm(rows: Sequence[Row], norm: Norm) -> Sequence[Row]:
    """Return the rows with LRN of the code or the text, batch norm in every row, or neither.

    Batch norm is before the activation ("bn"), or right after it ("bn_after").
    """
    if norm.startswith("lrn"):
        word = norm.replace("_", "")
        return [row._replace(then=row.then.replace("lrn", word)) for row in rows]
    first = "bn " if norm == "bn" else ""
    relu = "relu bn" if norm == "bn_after" else "relu"
    bare = [row.then.replace("lrn ", "").replace("mapnorm ", "") for row in rows]
    thens = [first + then.replace("relu", relu) for then in bare]
    return [row._replace(then=then) for row, then in zip(rows, thens, strict=True)]


def with_pooling(rows: Sequence[Row], pooling: Pooling) -> Sequence[Row]:
    """Return the rows with another pooling, or with strides of 2 in its place.

    Then the convolution after a pooling moves by 2, or, after the last row's, that row's own, as in
    Mishkin's `caffenet128_lsuv_nopool.prototxt`.
    """
    if pooling != "strided":
        word = POOLING_WORDS.get(pooling, "pool")
        return [row._replace(then=row.then.replace("pool", word)) for row in rows]
    strided = {min(n + 1, len(rows) - 1) for n, row in enumerate(rows) if "pool" in row.then}
    bare = [row._replace(then=row.then.replace("pool", "")) for row in rows]
    return [row._replace(stride=2) if n in strided else row for n, row in enumerate(bare)]


def colour_transform_of(channels: int) -> nn.Sequential:
    """Return the learned 1 × 1 convolutions to 10 channels and back, with very leaky ReLUs."""
    layers = OrderedDict[str, nn.Module]()
    for number, shape in enumerate(((channels, 10), (10, channels)), start=1):
        layers[f"mix{number}"] = nn.Conv2d(*shape, kernel_size=1)
        layers[f"leaky{number}"] = ACTIVATIONS["very_leaky_relu"](shape[1])
    return nn.Sequential(layers)


def in_towers(rows: Sequence[Row], towers: Towers) -> list[Row]:
    """Return the rows in the paper's two towers, or in one."""
    numbers = IN_TOWERS[towers]
    return [row._replace(groups=2 if n in numbers else 1) for n, row in enumerate(rows, start=1)]


class AlexNet(ImageClassifier):
    """The paper's net as in most ports: one tower, LRN, overlapping pooling. Ablations by argument.

    62,378,344 parameters at 1000 classes, 58,322,314 at 10.

    Source: Krizhevsky et al. 2012, section 3.5; reports 0, 2, 3 and 4. The authors' own ablations
    are those of `AlexNet2012`.

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        stem: "imagenet" (11 × 11, stride 4), whose weights fit images of all sizes, since average
            pooling makes the maps 6 × 6 as in torchvision; or "small" for images of 8 to 32 px.
        width: factor on the channels of every hidden layer, rounded to multiples of 8.
        dropout: probability of dropping an output of fc6 and fc7.
        norm: "lrn" with the code's constants; "lrn_text" with the text's, where the size does not
            divide alpha; "bn" for batch norm after every convolution instead, "bn_after" for batch
            norm after every convolution's activation; or "none".
        overlapping: pooling 3/2, or 2/2.
        pooling: "max"; "average"; "max_average", their sum; "stochastic" (Zeiler and Fergus 2013);
            or "strided", none, but convolutions 2, 3 and 5 with stride 2.
        towers: "one"; "joined", two as in the paper; "apart", each of which reads itself alone.
        rescaled_dropout: dropout as today; false is that of 2012, see `Dropout2012`.
        activation: after all hidden layers, see `networks.layers.ACTIVATIONS`; under "maxout" they
            have twice the filters, and as many outputs as without.
        colour_transform: whether two learned 1 × 1 convolutions come first, from the channels of
            the images to 10 and back, each with a very leaky ReLU.
        skip: residual connection around convolutions 2 to 5, with 1 × 1 projections where shapes
            differ: "none"; "plain"; "padded", with maps of zeros in place of the projections;
            "scaled" by a learned factor that is 0 at initialization.

    Raises:
        ValueError: the image is too small for the stem, there is no such choice, or strided
            convolutions have residual connections, which keep the size of the maps.
    """

    table: ClassVar[Sequence[Row]] = ALEXNET
    round_up: ClassVar[bool] = False

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        stem: Stem = "imagenet",
        width: float = 1.0,
        dropout: float = 0.5,
        *,
        norm: Norm = "lrn",
        overlapping: bool = True,
        towers: Towers = "one",
        activation: Activation = "relu",
        skip: Skip = "none",
        rescaled_dropout: bool = True,
        pooling: Pooling = "max",
        colour_transform: bool = False,
        **recipe: Any,
    ) -> None:
        choices = ((norm, Norm), (towers, Towers), (skip, Skip), (pooling, Pooling))
        for value, kind in (*choices, (activation, Activation)):
            if value not in get_args(kind):
                raise ValueError(f"{value}: give one of {', '.join(get_args(kind))}")
        if pooling == "strided" and skip != "none":
            raise ValueError("pooling strided: residual connections keep sizes; give skip none")
        table = with_pooling(with_norm(self.rows(towers, overlapping), norm), pooling)
        rows = widen(table, width, activation)
        window = Window(3 if overlapping else 2, ceil=self.round_up)
        rows, pool = stemmed(rows, window, stem)
        groups = 1 if towers == "one" else 2
        features, side = convolutions(rows, in_channels, image_size, pool, skip, groups)
        if colour_transform:
            first = OrderedDict[str, nn.Module](colour=colour_transform_of(in_channels))
            features = nn.Sequential(first | dict(features.named_children()))
        fc6_side = 6 if stem == "imagenet" else side
        channels, hidden = rows[-1].channels, scaled(4096, width)
        in_features, fc7 = channels * fc6_side**2, None
        made = hidden * pieces(activation)
        pooled = side > fc6_side
        if towers == "apart" and self.table is ALEXNET_2012:
            fc6: nn.Linear = TowerLinear(in_features, 2 * made)
            fc7 = TowerLinear(2 * hidden, made)
            pooled = side != fc6_side
        elif side < fc6_side:
            fc6 = StretchedLinear(channels, side, fc6_side, made)
        else:
            fc6 = nn.Linear(in_features, made)
        avgpool = nn.AdaptiveAvgPool2d(fc6_side) if pooled else None
        classifier = head(fc6, num_classes, dropout, activation, fc7, rescaled_dropout)
        super().__init__(
            network=ConvNet(features, classifier, avgpool), num_classes=num_classes, **recipe
        )

    @classmethod
    def rows(cls, towers: Towers, overlapping: bool) -> list[Row]:
        """Return the table in that many towers."""
        return in_towers(cls.table, towers)


@final
class AlexNet2012(AlexNet):
    """The authors' own net #145: two towers, LRN in each, sizes that round up, dropout of 2012.

    60,965,224 parameters at 1000 classes. Their ablations: `overlapping` false is #147, `norm` none
    #148, and `towers` apart #150, where nothing crosses before the last layer: conv2 is a quarter
    wider then, and fc6 twice as wide.

    Source: `layers/layers-145.cfg` of the code of 2012, and -147, -148 and -150. It differs from
    the paper: conv1's ReLU comes after LRN and pooling, conv5's after pooling, and conv2 has a
    second norm within each map.
    """

    table = ALEXNET_2012
    round_up = True

    def __init__(
        self, *args: Any, towers: Towers = "joined", rescaled_dropout: bool = False, **options: Any
    ) -> None:
        super().__init__(*args, towers=towers, rescaled_dropout=rescaled_dropout, **options)

    @classmethod
    def rows(cls, towers: Towers, overlapping: bool) -> list[Row]:
        """Return #145, #147 or #150; without overlap, padding keeps maps of 13 and 6 pixels."""
        rows = super().rows(towers, overlapping)
        if not overlapping:
            rows[1] = rows[1]._replace(padding=1)
            rows[4] = rows[4]._replace(padding=0)
        if towers == "apart":
            rows[1] = rows[1]._replace(channels=320)
        return rows


@final
class AlexNetBN(AlexNet):
    """AlexNet with batch norm after every convolution, in place of LRN (report 0)."""

    def __init__(self, *args: Any, norm: Norm = "bn", **options: Any) -> None:
        super().__init__(*args, norm=norm, **options)


@final
class AlexNetSkip(AlexNet):
    """AlexNet with a residual connection around convolutions 2 to 5 (report 0)."""

    def __init__(self, *args: Any, skip: Skip = "plain", **options: Any) -> None:
        super().__init__(*args, skip=skip, **options)


@final
class AlexNetBNSkip(AlexNet):
    """AlexNet with batch norm in place of LRN and residual connections (report 0)."""

    def __init__(self, *args: Any, norm: Norm = "bn", skip: Skip = "plain", **options: Any) -> None:
        super().__init__(*args, norm=norm, skip=skip, **options)


@final
class AlexNetSkipScaled(AlexNet):
    """AlexNetSkip with branches scaled from zero: it trains without batch norm.

    Source: ours, after SkipInit (De and Smith 2020) and ReZero (Bachlechner et al. 2020): the
    answer to report 0's first conclusion.
    """

    def __init__(self, *args: Any, skip: Skip = "scaled", **options: Any) -> None:
        super().__init__(*args, skip=skip, **options)
