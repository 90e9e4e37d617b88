"""Training images with something taken away: fewer of them, or wrong labels."""

import torch

from alexnet_lightning.data.batches import Images, seeded
from alexnet_lightning.system.errors import UserError


def fewer(images: Images, count: int | None, seed: int) -> Images:
    """Return `count` random images in their order; null keeps all.

    For one seed, fewer images are a part of more; UserError if there are not as many.
    """
    if count is None or count == len(images):
        return images
    if count > len(images):
        raise UserError(f"data.train_images is {count}: give 1 to {len(images)}")
    order = torch.randperm(len(images), generator=seeded("cpu", seed, 0, 0))
    return images.subset(order[:count].sort().values)


def mislabelled(images: Images, count: int, num_classes: int, seed: int) -> Images:
    """Return the images, `count` of them with any other class, all equally likely.

    For one seed, fewer wrong labels are a part of more.
    """
    generator = seeded("cpu", seed, 0, 1)
    indices = torch.randperm(len(images), generator=generator)[:count]
    shift = torch.randint(1, num_classes, (count,), generator=generator)
    kept = images.subset(torch.arange(len(images)))
    kept.labels = kept.labels.index_add(0, indices, shift) % num_classes
    return kept
