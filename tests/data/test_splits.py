"""Random splits of a data set."""

import pytest
import torch

from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.data.splits import held_out, stratified
from alexnet_lightning.system.errors import UserError


def numbered(labels: list[int]) -> ImageTensors:
    """Image i of one pixel i."""
    images = torch.arange(len(labels), dtype=torch.uint8)[:, None, None, None]
    return ImageTensors(images, torch.tensor(labels))


def test_each_class_alike() -> None:
    rest, part = stratified(numbered([0] * 40 + [1] * 20), 0.25, seed=3)
    assert part.labels.bincount().tolist() == [10, 5]
    assert rest.labels.bincount().tolist() == [30, 15]
    every = torch.cat([rest.images, part.images]).flatten()  # type: ignore[attr-defined]
    assert every.sort().values.tolist() == list(range(60))


@pytest.mark.parametrize(
    ("labels", "fraction", "why"),
    [
        ([0, 0, 0, 1], 0.5, "1 member"),
        ([0, 0, 1, 1], 0.1, "number of classes"),
        ([0, 0, 1, 1], 1.5, "1.5"),
    ],
)
def test_too_few(labels: list[int], fraction: float, why: str) -> None:
    with pytest.raises(UserError, match=rf"data\.some_key is {fraction}: 4 images .*{why}"):
        stratified(numbered(labels), fraction, seed=0, key="some_key")


def test_held_out_is_random_and_complete() -> None:
    images = numbered(list(range(20)))
    train, val = held_out(images, 4, seed=1)
    assert (len(train), len(val)) == (16, 4)
    assert sorted([*train.labels.tolist(), *val.labels.tolist()]) == list(range(20))
    assert held_out(images, 4, seed=1)[1].labels.tolist() == val.labels.tolist()
    assert held_out(images, 4, seed=2)[1].labels.tolist() != val.labels.tolist()
