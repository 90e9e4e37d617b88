"""torchvision's AlexNet, layer for layer, so that its weights fit."""

from torch import Tensor, nn

from alexnet_lightning.networks.alexnet import HIDDEN, ONE_WEIRD_TRICK, OVERLAPPING, Stem
from alexnet_lightning.networks.base import ConvNet
from alexnet_lightning.networks.rows import Row, convolutions, scaled, small_stem, widened

HEAD = "classifier.6."


def one_weird_trick(
    num_classes: int,
    in_channels: int,
    image_size: int,
    stem: Stem = "imagenet",
    width: float = 1.0,
    dropout: float = 0.5,
) -> ConvNet:
    """Return the network with the names that torchvision's `alexnet` gives its parameters.

    Dropout comes before fc6 and before fc7 here, as in torchvision, and not after them.
    """
    rows: list[Row] = widened(ONE_WEIRD_TRICK, width)
    pool = OVERLAPPING
    if stem == "small":
        rows, pool = small_stem(rows, pool)
    features, side = convolutions(rows, in_channels, image_size, pool)
    side = side if stem == "small" else 6
    hidden = scaled(HIDDEN, width)
    classifier = nn.Sequential(
        nn.Dropout(dropout),
        nn.Linear(rows[-1].channels * side**2, hidden),
        nn.ReLU(inplace=True),
        nn.Dropout(dropout),
        nn.Linear(hidden, hidden),
        nn.ReLU(inplace=True),
        nn.Linear(hidden, num_classes),
    )
    return ConvNet(nn.Sequential(*features), classifier, nn.AdaptiveAvgPool2d(side))


def load_weights(network: ConvNet, weights: dict[str, Tensor]) -> None:
    """Copy weights named as torchvision's into the network, the last layer only where it fits.

    Raises:
        RuntimeError: another parameter is missing or has another shape.
    """
    head = network.classifier[-1].weight
    if weights.get(f"{HEAD}weight", head).shape != head.shape:
        weights = {name: value for name, value in weights.items() if not name.startswith(HEAD)}
        own = network.state_dict()
        weights |= {name: own[name] for name in own if name.startswith(HEAD)}
    network.load_state_dict(weights)
