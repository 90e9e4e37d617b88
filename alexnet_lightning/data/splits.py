"""A share of a data set, with as much of each class as in the whole."""

import torch

from alexnet_lightning.data.batches import Images
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line


def stratified(
    images: Images, fraction: float, seed: int, key: str = "val_fraction"
) -> tuple[Images, Images]:
    """Return what is left and the share that is split off, of each class alike, drawn at random.

    scikit-learn's `train_test_split`, which rounds the share up to a whole number of images.

    Args:
        fraction: the share, between 0 and 1.
        seed: the same seed draws the same images.
        key: the argument of the data module that an error names.

    Raises:
        UserError: too few images for a share of every class on either side.
    """
    # Here, not at the top: scikit-learn would slow down every --help.
    from sklearn.model_selection import train_test_split

    try:
        left, share = train_test_split(
            range(len(images)), test_size=fraction, stratify=images.labels, random_state=seed
        )
    except ValueError as error:
        why = one_line(error)
        raise UserError(
            f"data.{key} is {fraction}: {len(images)} images cannot be split so, each class "
            f"alike ({why}); give another fraction or more images"
        ) from error
    return images.subset(torch.tensor(left)), images.subset(torch.tensor(share))
