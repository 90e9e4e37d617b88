"""What the parts of a configuration say of each other."""

import pytest

from alexnet_lightning.cli.checks import check_sizes
from alexnet_lightning.data import CIFAR10DataModule, PadCropFlip, ProgressiveResize
from alexnet_lightning.models import AlexNet, AlexNetModern
from alexnet_lightning.system.errors import UserError


def test_smaller_images_at_first_need_a_network_that_takes_them() -> None:
    data = CIFAR10DataModule(transform=ProgressiveResize(PadCropFlip(), size=24, epochs=2))
    check_sizes(AlexNetModern(10, 3, 32, 0.25, whitening=True, size="large").network, data)
    fixed = AlexNet(10, 3, 32, stem="small", width=0.125).network
    with pytest.raises(UserError, match=r"does not take the 24 px of ProgressiveResize beside 32"):
        check_sizes(fixed, data)
    assert fixed.training
    check_sizes(fixed, CIFAR10DataModule())
