"""How images are divided at random, and which come when, on which process."""

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest
import torch

from alexnet_lightning.data.batches import (
    Batches,
    ImageTensors,
    Loader,
    held_out,
    seeded,
    stratified,
)
from alexnet_lightning.data.storage.files import FileList, ImageFiles
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.signals import REQUEUE


def flat(batches: Batches) -> list[int]:
    return [index for batch in batches for index in batch]


def shares(length: int, size: int, world: int, shuffle: bool) -> list[Batches]:
    return [Batches(length, size, shuffle, rank=rank, world_size=world) for rank in range(world)]


CASES = [(10, 3), (128, 64), (129, 64), (13, 2), (7, 7), (10, 1)]


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize(("length", "size"), CASES)
def test_in_order_every_image_comes_once(length: int, size: int, world: int) -> None:
    every = shares(length, size, world, shuffle=False)
    assert sorted(index for batches in every for index in flat(batches)) == list(range(length))


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize(("length", "size"), CASES)
def test_shuffled_shares_are_equal_and_miss_nothing(length: int, size: int, world: int) -> None:
    every = [flat(batches) for batches in shares(length, size, world, shuffle=True)]
    count = -(-length // world)
    assert [len(indices) for indices in every] == [count] * world
    seen = [index for indices in every for index in indices]
    assert set(seen) == set(range(length))
    assert len(seen) - len(set(seen)) < world


@pytest.mark.parametrize("world", [1, 2, 3])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize(("length", "size"), CASES)
def test_batches_are_as_many_on_every_process_and_even(
    length: int, size: int, shuffle: bool, world: int
) -> None:
    counts = set()
    for batches in shares(length, size, world, shuffle):
        sizes = [len(batch) for batch in batches]
        counts.add(len(sizes))
        assert len(sizes) == len(batches)
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) >= 1
        assert max(sizes) <= max(size, 2)
    assert len(counts) == 1


def test_no_batch_of_one_image_where_avoidable() -> None:
    assert [len(batch) for batch in Batches(129, 64, shuffle=True)] == [43, 43, 43]


def test_full_batches_where_they_fit() -> None:
    assert [len(batch) for batch in Batches(750, 250, shuffle=True)] == [250] * 3


def test_mixed_is_one_order_that_has_all_images() -> None:
    one, *two = [*shares(50, 8, 1, False), *shares(50, 8, 2, False)]
    for batches in (one, *two):
        batches.mixed = True
    first = list(one)
    one.set_epoch(3)
    assert list(one) == first
    assert len({index // 10 for index in first[0]}) > 2  # not the first class alone
    assert sorted(index for batches in two for index in flat(batches)) == [*range(50)]


def test_order_depends_on_seed_and_epoch_alone() -> None:
    batches, fresh = Batches(50, 8, True, seed=1), Batches(50, 8, True, seed=1)
    first = list(batches)
    assert list(batches) == first, "reading changed the order"
    batches.set_epoch(3)
    torch.rand(100)
    fresh.set_epoch(3)
    assert list(batches) == list(fresh) != first
    assert list(Batches(50, 8, True, seed=2)) != first


def test_tensors_give_whole_batches() -> None:
    images = torch.arange(12, dtype=torch.uint8).reshape(3, 1, 2, 2)
    split = ImageTensors(images, torch.tensor([4, 5, 6]))
    pixels, labels = split[[2, 0]]
    assert len(split) == 3
    assert torch.equal(pixels, images[[2, 0]])
    assert labels.tolist() == [6, 4]


def test_seeded_streams_differ_by_every_number() -> None:
    draws = {
        tuple(torch.rand(4, generator=seeded("cpu", *numbers)).tolist())
        for numbers in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (0, 0), (2**40, 0, 0)]
    }
    assert len(draws) == 6


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
        ([0, 0, 0, 1], 0.5, "one image alone of class 1"),
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


@pytest.mark.usefixtures("start_method")
def test_a_worker_reads_on_after_a_signal_however_it_is_started(
    file_list: Callable[..., FileList],
) -> None:
    loader = Loader(ImageFiles(file_list(), 4), Batches(6, 1), workers=1)
    epochs = [list(loader)]
    workers: Any = loader._loader._iterator
    for signum in (signal.SIGINT, REQUEUE):  # a terminal and a cluster send them to all processes
        os.kill(workers._workers[0].pid, signum)
    epochs.append(list(loader))
    workers._shutdown_workers()  # the garbage collector would take seconds
    for epoch in epochs:
        assert [int(images[0, 0, 0, 0]) for images, _ in epoch] == [*range(6)]
        assert [int(labels) for _, labels in epoch] == [0, 1, 2, 0, 1, 2]
