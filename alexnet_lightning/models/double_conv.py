"""Report 4's fine tunings: stages of more than one 3 × 3 convolution.

The report gives no widths and no image size. Chosen here: AlexNet's own channels, and 2,816
hidden units, which at 32 px and 10 classes give its "about 15.9 M parameters" for #1.
"""

from collections.abc import Sequence
from typing import Any, ClassVar, final

from torch import nn

from alexnet_lightning.networks.base import ConvNet
from alexnet_lightning.networks.rows import Row, Window, convolutions, head, scaled, widen
from alexnet_lightning.training.classifier import ImageClassifier


def stages(plan: Sequence[tuple[int, int, str]], then: str) -> tuple[Row, ...]:
    """Return rows of 3 × 3 convolutions; a stage is channels, convolutions, pooling at its end."""
    return tuple(
        Row(channels, 3, padding=1, then=f"{then} {pooling}" if n == count else then)
        for channels, count, pooling in plan
        for n in range(1, count + 1)
    )


# Pooling 3/2 in stage 1, 2/2 in stages 2 to 5.
PLAN_1 = ((96, 2, "pool"), (256, 2, "half"), (384, 2, "half"), (384, 2, "half"), (256, 2, "half"))
# Pooling 3/2 after each stage.
PLAN_2 = ((96, 2, "pool"), (256, 2, "pool"), (384, 2, "pool"), (384, 3, "pool"), (256, 3, "pool"))
FINE_TUNING_1 = stages(PLAN_1, "relu")
FINE_TUNING_2 = stages(PLAN_2, "bn relu")


class DoubleConvAlexNet(ImageClassifier):
    """Two 3 × 3 convolutions in each of AlexNet's stages. 15.9 M parameters at 10 classes, 32 px.

    Source: report 4, "fine tuning #1".

    Args:
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
        width: factor on the channels of every hidden layer, rounded to multiples of 8.
        dropout: probability of dropping an output of fc6 and fc7.

    Raises:
        ValueError: images of less than 17 px, which five poolings reduce to nothing.
    """

    table: ClassVar[Sequence[Row]] = FINE_TUNING_1

    def __init__(
        self,
        num_classes: int,
        in_channels: int,
        image_size: int,
        width: float = 1.0,
        dropout: float = 0.5,
        **recipe: Any,
    ) -> None:
        rows = widen(self.table, width)
        features, side = convolutions(rows, in_channels, image_size, Window(padding=1))
        fc6 = nn.Linear(rows[-1].channels * side**2, scaled(2816, width))
        network = ConvNet(features, head(fc6, num_classes, dropout))
        super().__init__(network=network, num_classes=num_classes, **recipe)


@final
class DoubleConvBNAlexNet(DoubleConvAlexNet):
    """Two or three 3 × 3 convolutions with batch norm in each of AlexNet's stages.

    Source: report 4, "fine tuning #2".
    """

    table = FINE_TUNING_2
