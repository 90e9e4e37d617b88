"""Statistics of a training set: mean, standard deviation and principal components; mean image."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from alexnet_lightning.data.batches import Images
from alexnet_lightning.data.transforms.crops import Transform

CHUNK = 500  # images at a time


class PixelStatistics(NamedTuple):
    """Of the colors of all pixels, for pixels in 0-1; float64."""

    mean: Tensor  # (C,)
    std: Tensor  # (C,)
    eigenvalues: Tensor  # (C,), of the covariance, descending
    eigenvectors: Tensor  # (C, C), as columns; the first value that is not 0 is positive


def pixel_statistics(images: Images) -> PixelStatistics:
    return colour_statistics(chunks(images))


def colour_statistics(chunks: Iterable[Tensor]) -> PixelStatistics:
    """Return the statistics over all pixels of chunks, uint8 (n, C, S, S)."""
    count, total, products = 0, torch.tensor(0.0), torch.tensor(0.0)
    for chunk in chunks:
        # Sums of integers below 2^53 are exact, so the same in any order.
        colours = chunk.transpose(0, 1).flatten(1).double()
        count += colours.shape[1]
        total = total + colours.sum(dim=1)
        products = products + colours @ colours.T
    mean = total / count
    covariance = products / count - mean.outer(mean)
    values, vectors = torch.linalg.eigh(covariance / 255**2)
    values, vectors = values.flip(0).clamp_min(0), vectors.flip(1)
    signs = vectors.gather(0, (vectors.abs() > 1e-9).int().argmax(0, keepdim=True)).sign()
    return PixelStatistics(mean / 255, covariance.diagonal().sqrt() / 255, values, vectors * signs)


def mean_image(images: Images, transform: Transform) -> Tensor:
    """Return the mean of the evaluation views, 0-1, float32 (C, T, T).

    It is subtracted from every crop, wherever that lies, as in the authors' code of 2012, which
    crops the mean image in the center.
    """
    total = sum(transform.evaluate(chunk).double().sum(dim=0) for chunk in chunks(images))
    return (torch.as_tensor(total) / (255 * len(images))).float()


def chunks(images: Images) -> Iterator[Tensor]:
    """Yield all images in order, uint8 (n, C, S, S)."""
    for indices in torch.arange(len(images)).split(CHUNK):
        yield images[indices][0]
