"""Handwritten digits from scikit-learn: real images, nothing to download."""

from typing import Any

import torch

from alexnet_lightning.data.base import ImageDataModule, InMemory, Split
from alexnet_lightning.data.batches import TEST_SEED, Images, ImageTensors, stratified
from alexnet_lightning.data.transforms.crops import PadCropFlip


class DigitsDataModule(ImageDataModule):
    """1,797 gray digits of 8 px (Alpaydin and Kaynak, UCI 1998): 1,197 / 300 / 300, stratified.

    The test images are the same with every seed. The default transform shifts by up to one pixel
    and does not mirror.

    Args:
        storage: "memory" sends each batch of images to the GPU; "device" keeps all of them there,
            so that a batch sends their indices alone; "auto" is "device" where a split takes less
            than a quarter of the GPU's free memory. On a CPU all are the same.
    """

    class_names = [str(digit) for digit in range(10)]  # noqa: RUF012
    in_channels = 1
    native_size = 8
    # Over all 1,797 images.
    channel_mean = (0.3053,)
    channel_std = (0.3759,)
    default_transform = PadCropFlip(padding=1, flip=False)

    def __init__(self, batch_size: int = 64, storage: InMemory = "auto", **common: Any) -> None:
        super().__init__(batch_size=batch_size, **common)
        self.storage = storage

    def load(self) -> dict[Split, Images]:
        # Not at the top: scikit-learn would slow down every --help.
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = torch.from_numpy(digits.images * (255 / 16)).round().byte()[:, None]
        every = ImageTensors(images, torch.from_numpy(digits.target).long())
        train, rest = stratified(every, 600, TEST_SEED)
        val, test = stratified(rest, 300, TEST_SEED)
        if self.seed != TEST_SEED:  # else as in all earlier runs
            pixels, labels = zip(*(part[range(len(part))] for part in (train, val)), strict=True)
            left = ImageTensors(torch.cat(pixels), torch.cat(labels))
            train, val = stratified(left, 300, self.seed)
        return {"train": train, "val": val, "test": test}
