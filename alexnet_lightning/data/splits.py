"""Random splits of a data set."""

import torch

from alexnet_lightning.data.batches import Images, seeded
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line


def held_out(images: Images, count: int, seed: int) -> tuple[Images, Images]:
    """Return the images left for training and `count` random images held out for validation."""
    order = torch.randperm(len(images), generator=seeded("cpu", seed))
    return images.subset(order[count:]), images.subset(order[:count])


def stratified(
    images: Images, fraction: float, seed: int, key: str = "val_fraction"
) -> tuple[Images, Images]:
    """Return the rest and a random fraction of the images, the same fraction of each class.

    scikit-learn's `train_test_split`, which rounds the fraction up to a whole number of images.
    A whole number is the number of images. An error names the data module's argument `key`.

    Raises:
        UserError: there are too few images for every class to be on both sides.
    """
    # Not at the top: scikit-learn would slow down every --help.
    from sklearn.model_selection import train_test_split

    try:
        rest, part = train_test_split(
            range(len(images)), test_size=fraction, stratify=images.labels, random_state=seed
        )
    except ValueError as error:
        raise UserError(
            f"data.{key} is {fraction}: {len(images)} images cannot be split into that fraction "
            f"of each class ({one_line(error)}); give another fraction or more images"
        ) from error
    return images.subset(torch.tensor(rest)), images.subset(torch.tensor(part))
