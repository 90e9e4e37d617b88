"""The data module alone, and attached to a trainer."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.plugins import Precision
from torch import Tensor

from alexnet_lightning.data import Flip, ImageDataModule, PadCropFlip, ResizeCropFlip
from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import Images, ImageTensors, seeded
from alexnet_lightning.system.errors import UserError

CLASSES = ["a", "b", "c"]


class Noise(ImageDataModule):
    """Random images of 12 px in three classes."""

    class_names = CLASSES
    native_size = 12
    channel_mean = (0.5, 0.4, 0.3)
    channel_std = (0.2, 0.3, 0.4)
    loads = 0

    def load(self) -> dict[Split, Images]:
        self.loads += 1
        pixels = torch.randint(
            0, 256, (30, 3, 12, 12), dtype=torch.uint8, generator=seeded("cpu", 0)
        )
        splits = ImageTensors(pixels, torch.arange(30) % 3)
        return {
            "train": splits.subset(torch.tensor(range(20))),
            "val": splits.subset(torch.tensor(range(20, 25))),
            "test": splits.subset(torch.tensor(range(25, 30))),
        }


class Recorder(LightningModule):
    """Keeps the batches it is shown; learns nothing worth knowing."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 3)
        self.seen: dict[str, list[Tensor]] = {"train": [], "val": [], "test": []}

    def training_step(self, batch: Any, batch_idx: int) -> Tensor:
        self.seen["train"].append(batch[0])
        loss: Tensor = self.layer(batch[0].mean((2, 3))).sum()
        return loss

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.seen["val"].append(batch[0])

    def test_step(self, batch: Any, batch_idx: int) -> None:
        self.seen["test"].append(batch[0])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.0)


@pytest.fixture
def train_with() -> Callable[..., Trainer]:
    """Makes a silent trainer on the CPU."""

    def make(**arguments: Any) -> Trainer:
        settings: dict[str, Any] = {"max_epochs": 2} | arguments
        return Trainer(
            accelerator="cpu",
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            use_distributed_sampler=False,
            **settings,
        )

    return make


few_workers = pytest.mark.filterwarnings("ignore:.*does not have many workers")
# From within Lightning 2.6.6.
leaf_spec = pytest.mark.filterwarnings("ignore:.*isinstance.treespec, LeafSpec.*")


def test_face_is_known_before_setup() -> None:
    data = Noise(transform=ResizeCropFlip(20, 16))
    assert (data.num_classes, data.in_channels, data.native_size, data.image_size) == (3, 3, 12, 16)
    assert data.loads == 0
    assert Noise().image_size == 12


def test_normalise_is_the_formula() -> None:
    data = Noise(mean=[0.1, 0.2, 0.3], std=[1.0, 0.5, 2.0], pixel_max=255.0)
    images = torch.randint(0, 256, (4, 3, 12, 12), dtype=torch.uint8)
    pixels = data.normalise(images)
    for c, (mean, std) in enumerate(zip(data.mean, data.std, strict=True)):
        expected = (images[:, c].double() / 255 - mean) / std * 255
        assert torch.allclose(pixels[:, c].double(), expected, atol=1e-4)
    assert pixels.dtype == torch.float32
    assert pixels.is_contiguous(memory_format=torch.channels_last)


def test_sample_is_fixed_and_preprocessed() -> None:
    data = Noise(transform=Flip(), seed=1)
    pixels, labels = data.sample("train", 6)
    torch.rand(3)
    again, _ = Noise(transform=Flip(), seed=2, batch_size=3).sample("train", 6)
    assert torch.equal(pixels, again)
    assert pixels.shape == (6, 3, 12, 12)
    train = data.preprocess(data.splits["train"].images)
    for image, label in zip(pixels, labels, strict=True):
        place = (train == image).flatten(1).all(1).nonzero().item()
        assert data.splits["train"].labels[int(place)] == label
    assert len(data.sample("val", 100)[1]) == 5


def test_decodes_once() -> None:
    data = Noise()
    data.setup("fit")
    data.setup("test")
    data.sample("test", 2)
    assert data.loads == 1


def attached(data: Noise, **state: Any) -> Noise:
    """`data` with what it asks a trainer."""
    step = state.pop("step", 0)
    facts = {"global_rank": 0, "world_size": 1, "training": True, "current_epoch": 0} | state
    facts["fit_loop"] = SimpleNamespace(batch_idx=step - 1)
    facts["precision_plugin"] = Precision()
    facts["strategy"] = SimpleNamespace(root_device=torch.device("cpu"))
    data.trainer = SimpleNamespace(**facts)  # type: ignore[assignment]
    return data


def drawn(data: Noise) -> Tensor:
    data.setup()
    images, labels = data.splits["train"][list(range(20))]
    return data.on_after_batch_transfer((images, labels), 0)[0]


def test_augmentation_depends_on_seed_step_and_rank_not_on_history() -> None:
    def view(seed: int = 0, **state: Any) -> Tensor:
        return drawn(attached(Noise(transform=PadCropFlip(), seed=seed), **state))

    history = attached(Noise(transform=PadCropFlip()), step=7)
    drawn(history)
    assert torch.equal(drawn(history), view(step=7))
    others = (
        view(step=8),
        view(step=7, current_epoch=1),
        view(step=7, global_rank=1),
        view(seed=1, step=7),
    )
    for other in others:
        assert not torch.equal(other, view(step=7))


def test_evaluation_draws_nothing() -> None:
    data = Noise(transform=PadCropFlip())
    plain = drawn(data)
    assert torch.equal(plain, data.preprocess(data.splits["train"].images))
    assert torch.equal(plain, drawn(attached(data, training=False)))
    assert not torch.equal(plain, drawn(attached(data)))


def test_loaders_shard_by_the_trainers_rank() -> None:
    seen: list[Tensor] = []
    for rank in range(3):
        data = attached(Noise(batch_size=2), global_rank=rank, world_size=3)
        data.setup()
        seen += [images for images, _ in data.val_dataloader()]
    images = torch.cat(seen)
    assert len(images) == len(images.flatten(1).unique(dim=0)) == 5


@pytest.mark.parametrize(
    ("limit", "in_order"), [(1.0, True), (3, True), (3.0, True), (2, False), (0.5, False)]
)
def test_a_limited_evaluation_sees_a_mixture(limit: float, in_order: bool) -> None:
    data = attached(Noise(batch_size=2), limit_val_batches=limit)
    data.setup()
    seen = [labels for _, labels in data.val_dataloader()]
    again = [labels for _, labels in data.val_dataloader()]
    assert torch.equal(torch.cat(seen), torch.cat(again))
    images = torch.cat([images for images, _ in data.val_dataloader()])
    stored = data.splits["val"][range(5)][0]
    assert torch.equal(images, stored) == in_order
    assert sorted(images.sum((1, 2, 3)).tolist()) == sorted(stored.sum((1, 2, 3)).tolist())


@few_workers
@leaf_spec
@pytest.mark.parametrize("accumulate", [1, 5])
def test_fit_and_test_under_lightning(train_with: Callable[..., Trainer], accumulate: int) -> None:
    data, model = Noise(batch_size=4, transform=Flip()), Recorder()
    trainer = train_with(accumulate_grad_batches=accumulate)
    trainer.fit(model, datamodule=data)
    trainer.test(model, datamodule=data, verbose=False)
    assert data.loads == 1
    train = torch.cat(model.seen["train"])
    assert len(train) == 2 * 20
    # Every image, plain or mirrored, once an epoch; another order in the second.
    plain = data.preprocess(data.splits["train"].images)
    same = (train[:, None] == plain).flatten(2).all(2)
    mirrored = (train[:, None] == plain.flip(-1)).flatten(2).all(2)
    which = (same | mirrored).float().argmax(1)
    assert which[:20].sort().values.tolist() == which[20:].sort().values.tolist()
    assert which[:20].sort().values.tolist() == list(range(20))
    assert which[:20].tolist() != which[20:].tolist()
    # Accumulation holds the optimiser's step still; the draws must go on all the same.
    flips = mirrored.any(1).reshape(10, 4)
    assert len(flips.unique(dim=0)) > 4
    test = data.preprocess(data.splits["test"].images)
    assert torch.equal(torch.cat(model.seen["test"]), test)
    assert torch.equal(model.seen["val"][0], data.preprocess(data.splits["val"].images)[:3])


@few_workers
@leaf_spec
def test_a_resumed_run_sees_the_same_images(
    train_with: Callable[..., Trainer], tmp_path: Path
) -> None:
    def fit(epochs: int, resume: Path | None = None) -> list[Tensor]:
        data, model = Noise(batch_size=4, transform=PadCropFlip()), Recorder()
        trainer = train_with(max_epochs=epochs)
        trainer.fit(model, datamodule=data, ckpt_path=resume, weights_only=True)
        trainer.save_checkpoint(tmp_path / f"{epochs}.ckpt")
        return model.seen["train"]

    whole, first = fit(2), fit(1)
    rest = fit(2, resume=tmp_path / "1.ckpt")
    assert len(whole) == len(first) + len(rest) == 10
    assert torch.equal(torch.stack(whole), torch.stack(first + rest))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 0}, "data.batch_size is 0"),
        ({"pixel_max": 0.0}, "data.pixel_max is 0.0"),
        ({"seed": -1}, "data.seed is -1"),
        ({"mean": [0.5]}, r"data.mean is \[0.5\]: give 3"),
        ({"std": [1.0, 1.0, 0.0]}, "data.std is .*must be > 0"),
    ],
)
def test_arguments_out_of_range(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        Noise(**arguments)


@few_workers
@leaf_spec
def test_a_loader_after_a_fit_gives_the_whole_epoch(train_with: Callable[..., Trainer]) -> None:
    data = Noise(batch_size=4)
    train_with(max_epochs=1).fit(Recorder(), datamodule=data)
    batches = list(data.train_dataloader())
    assert [len(labels) for _, labels in batches] == [4] * 5


def test_overfit_batches_is_refused() -> None:
    data = attached(Noise(), overfit_batches=2)
    data.setup()
    with pytest.raises(UserError, match=r"overfit_batches.*limit_train_batches"):
        data.train_dataloader()


GPU = torch.device("cuda", 0)  # not to be found here


@pytest.mark.parametrize(
    ("storage", "device", "free", "there"),
    [
        ("auto", torch.device("cpu"), None, False),
        ("device", torch.device("cpu"), None, False),
        ("auto", GPU, 4 * 20 * 432 + 1, True),  # bytes: 20 images of 12 px in three colors
        ("auto", GPU, 4 * 20 * 432, False),
        ("memory", GPU, 10**9, False),
        ("device", GPU, 20 * 432, True),
    ],
)
def test_images_live_on_the_gpu_where_they_fit(
    storage: str,
    device: torch.device,
    free: int | None,
    there: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def to(images: ImageTensors, where: torch.device) -> ImageTensors:
        return images if where.type == "cpu" else elsewhere

    elsewhere = ImageTensors(torch.empty(1, 3, 12, 12, dtype=torch.uint8), torch.zeros(1))
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 0))
    monkeypatch.setattr(ImageTensors, "to", to)
    data = Noise()
    data.storage = storage
    data.setup()
    train = data.splits["train"]
    assert data.placed(train, device) is (elsewhere if there else train)


def test_images_that_do_not_fit_on_the_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (8000, 0))
    data = Noise()
    data.storage = "device"
    data.setup()
    expected = r"^data\.storage is device: 20 images take 0\.00 GB.*free on cuda:0; give memory$"
    with pytest.raises(UserError, match=expected):
        data.placed(data.splits["train"], GPU)


@few_workers
@leaf_spec
def test_on_the_cpu_every_storage_trains_on_the_same(train_with: Callable[..., Trainer]) -> None:
    seen = []
    for storage in ("auto", "memory", "device"):
        data, model = Noise(batch_size=4, transform=PadCropFlip()), Recorder()
        data.storage = storage
        train_with(max_epochs=1).fit(model, datamodule=data)
        seen.append(torch.cat(model.seen["train"]))
    assert torch.equal(seen[0], seen[1]) and torch.equal(seen[0], seen[2])
