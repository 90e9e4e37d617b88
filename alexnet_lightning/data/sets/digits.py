"""Handwritten digits from scikit-learn: real images, nothing to download."""

from typing import Any

import torch

from alexnet_lightning.data.base import ImageDataModule, Split
from alexnet_lightning.data.batches import Images, ImageTensors
from alexnet_lightning.data.transforms.crops import PadCropFlip


class DigitsDataModule(ImageDataModule):
    """1,797 gray digits of 8 px (Alpaydin and Kaynak, UCI 1998): 1,197 / 300 / 300, stratified.

    The default transform shifts by up to one pixel and does not mirror.
    """

    class_names = [str(digit) for digit in range(10)]  # noqa: RUF012
    in_channels = 1
    native_size = 8
    # Over all 1,797 images.
    channel_mean = (0.3053,)
    channel_std = (0.3759,)
    default_transform = PadCropFlip(padding=1, flip=False)

    def __init__(self, batch_size: int = 64, **common: Any) -> None:
        super().__init__(batch_size=batch_size, **common)

    def load(self) -> dict[Split, Images]:
        # Not at the top: scikit-learn would slow down every --help.
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split

        digits = load_digits()
        images = torch.from_numpy(digits.images * (255 / 16)).round().byte()[:, None]
        labels = torch.from_numpy(digits.target).long()
        train, rest = train_test_split(
            range(len(labels)), test_size=600, stratify=labels, random_state=self.seed
        )
        val, test = train_test_split(
            rest, test_size=300, stratify=labels[rest], random_state=self.seed
        )
        indices: dict[Split, list[int]] = {"train": train, "val": val, "test": test}
        return {
            split: ImageTensors(images[chosen], labels[chosen]) for split, chosen in indices.items()
        }
