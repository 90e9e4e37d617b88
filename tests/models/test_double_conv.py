"""Report 4's fine tunings: stages, poolings and parameters."""

from torch import nn

from alexnet_lightning.models import DoubleConvAlexNet, DoubleConvBNAlexNet


def test_fine_tuning_1_has_the_reports_stages_and_parameters() -> None:
    network = DoubleConvAlexNet(10, 3, 32).network
    kinds = [type(layer).__name__ for layer in network.features]
    assert kinds == ["Conv2d", "ReLU", "Conv2d", "ReLU", "MaxPool2d"] * 5
    pools = [layer.kernel_size for layer in network.features if isinstance(layer, nn.MaxPool2d)]
    assert pools == [3, 2, 2, 2, 2]
    parameters = sum(p.numel() for p in network.parameters())
    assert parameters == 15_924_458, "about 15.9 M"


def test_fine_tuning_2_repeats_2_2_2_3_3_with_batch_norm() -> None:
    network = DoubleConvBNAlexNet(10, 3, 32).network
    kinds = " ".join(type(layer).__name__ for layer in network.features)
    unit = "Conv2d BatchNorm2d ReLU "
    assert kinds == " ".join(unit * n + "MaxPool2d" for n in (2, 2, 2, 3, 3))
    assert all(p.kernel_size == 3 for p in network.features if isinstance(p, nn.MaxPool2d))
