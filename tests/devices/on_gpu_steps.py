"""Training steps on a make-believe GPU: one device, and a host that waits only to log."""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.callbacks import (
    BackboneFinetuning,
    EMAWeightAveraging,
    GradientAccumulationScheduler,
)
from torch.nn import functional as F
from torch.optim import SGD, Adam, AdamW
from torch.optim.lr_scheduler import OneCycleLR, StepLR
from torch.utils.data import DataLoader

from alexnet_lightning.callbacks import MatrixRate, Throughput
from alexnet_lightning.callbacks.step_seed import StepSeed
from alexnet_lightning.data.base import Split
from alexnet_lightning.data.batches import Images, ImageTensors
from alexnet_lightning.data.sets.cifar import CIFAR10DataModule
from alexnet_lightning.data.transforms.colour import PCANoise
from alexnet_lightning.data.transforms.crops import Flip, PadCropAlternatingFlip
from alexnet_lightning.data.transforms.resizing import ProgressiveResize
from alexnet_lightning.data.transforms.scaling import constants
from alexnet_lightning.models import AlexNet
from alexnet_lightning.models.create import create_model
from alexnet_lightning.training.classifier import ImageClassifier
from alexnet_lightning.training.divergence import Divergence
from alexnet_lightning.training.muon import MuonSGD
from alexnet_lightning.training.schedules import Plateau, WarmupCosine, WarmupLinear
from tests.models.test_mishkin import CHOICES
from tests.models.test_models import VARIANTS, build

from .fake import GPU, Strategy, Traffic, make_believe
from .on_gpu_data import STATISTICS

EVERY = 2  # steps between two that are logged
STEPS = 2 * EVERY


@pytest.fixture(autouse=True)
def no_constants_of_another_test() -> Iterator[None]:
    constants.cache_clear()
    yield
    constants.cache_clear()


FORMS: list[dict[str, Any]] = [
    *CHOICES,
    {"skip": "padded"},
    {"skip": "scaled", "norm": "bn"},
    {"rescaled_dropout": False, "towers": "joined"},
]


@pytest.mark.parametrize(
    ("variant", "choice"),
    [*((variant, {}) for variant in VARIANTS), *((AlexNet, choice) for choice in FORMS)],
    ids=str,
)
def test_every_network_stays_on_its_device_forward_and_backward(
    variant: type[ImageClassifier], choice: dict[str, Any]
) -> None:
    model = build(variant, **choice)
    with make_believe() as traffic:
        model.to(GPU)
        images = torch.empty(4, 3, 32, 32, device=GPU)
        labels = torch.empty(4, dtype=torch.int64, device=GPU)
        traffic.counts.clear()
        logits = model(images)
        F.cross_entropy(logits, labels).backward()
        model.eval()(images)
        embeddings = model.embed(images)
    trained = [each for each in model.parameters() if each.requires_grad]
    assert {each.grad.device for each in trained} == {GPU}
    assert {tensor.device for tensor in (logits, *embeddings.values())} == {GPU}
    assert not +traffic.counts


class Batches(CIFAR10DataModule):
    """Batches of no values."""

    def prepare_data(self) -> None:
        """Nothing is read."""

    def setup(self, stage: str | None = None) -> None:
        self.statistics = STATISTICS

    def train_dataloader(self) -> Any:
        return empty_batches(STEPS)

    def val_dataloader(self) -> Any:
        return empty_batches(2)


def empty_batches(count: int) -> Any:
    images = torch.empty(8, 3, 32, 32, dtype=torch.uint8)
    return DataLoader([(images, torch.empty(8, dtype=torch.int64))] * count, batch_size=None)


class Meter(Callback):
    """What each step has made the host wait for, after all other callbacks."""

    def __init__(self, traffic: Traffic) -> None:
        self.traffic = traffic
        self.bytes: list[int] = []
        self.training: list[Counter[str]] = []
        self.validation: list[Counter[str]] = []

    def on_train_batch_end(self, *_: Any) -> None:
        self.training.append(Counter(self.traffic.counts))
        self.bytes.append(self.traffic.bytes)

    def on_validation_batch_end(self, *_: Any) -> None:
        self.validation.append(Counter(self.traffic.counts))


def train(model: Any, data: Any, callbacks: Sequence[Callback], **trainer: Any) -> None:
    """Train on the make-believe GPU."""
    options = {"max_epochs": 1, "log_every_n_steps": EVERY, **trainer}
    Trainer(
        strategy=Strategy(),
        callbacks=[StepSeed(0), *callbacks],
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        enable_progress_bar=False,
        **options,
    ).fit(model, data)


def differences(totals: list[Counter[str]]) -> list[dict[str, int]]:
    return [dict(after - before) for before, after in pairwise(totals)]


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.parametrize(
    ("optimizer", "schedule", "average", "trainer"),
    [
        (
            partial(SGD, lr=0.1, momentum=0.9),
            partial(OneCycleLR, max_lr=0.1, total_steps=None),
            True,
            {},
        ),
        (partial(Adam, lr=0.1), Plateau, False, {"gradient_clip_val": 1.0}),
        (
            partial(AdamW, lr=0.1),
            partial(StepLR, step_size=1),
            True,
            {"accumulate_grad_batches": 2},
        ),
        (MuonSGD, partial(WarmupCosine, total_steps=None), True, {}),
    ],
    ids=["SGD", "Adam", "AdamW", "MuonSGD"],
)
def test_a_step_waits_only_to_log(
    optimizer: Any, schedule: Any, average: bool, trainer: dict[str, Any]
) -> None:
    # With local response normalization and dropout.
    recipe = {"optimizer": optimizer, "lr_scheduler": schedule, "lr_interval": "step"}
    name = "AlexNetModern" if optimizer is MuonSGD else "AlexNet"
    form: dict[str, Any] = {"stem": "small"} if name == "AlexNet" else {}
    model = create_model(name, 10, 32, width=0.1, **form, **recipe)
    data = Batches(colour=PCANoise())
    averaging = [EMAWeightAveraging(decay=0.9)] if average else []
    with make_believe() as traffic:
        meter = Meter(traffic)
        train(model, data, [*averaging, Throughput(), Divergence(False), meter], **trainer)
    batches = {"sent": 4}  # images, labels, crops and colors
    steps = differences(meter.training)
    # The loss that is logged, and all since the last time, which on a GPU are copied at once.
    if "accumulate_grad_batches" in trainer:
        assert steps == [batches, batches, batches | {"waits": STEPS}]
    else:
        logged = batches | {"waits": 1 + EVERY}
        assert steps == [logged, batches, logged]
    assert differences(meter.validation) == [{"sent": 2}]


class Resident(CIFAR10DataModule):
    """Images of no values, in memory."""

    def prepare_data(self) -> None:
        """Nothing is read."""

    def load(self) -> dict[Split, Images]:
        pixels = torch.empty(STEPS * 8, 3, 32, 32, dtype=torch.uint8)
        images = ImageTensors(pixels, torch.empty(len(pixels), dtype=torch.int64))
        return {"train": images, "val": images, "test": images}


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.parametrize(
    ("storage", "copies", "sent"), [("memory", 3, 8 * 3080), ("device", 2, 64)]
)
def test_images_on_the_device_do_not_cross_in_a_step(storage: Any, copies: int, sent: int) -> None:
    model = create_model("AlexNet", 10, 32, width=0.1, stem="small", optimizer=partial(SGD, lr=0.1))
    data = Resident(batch_size=8, storage=storage, transform=Flip())
    with make_believe() as traffic:
        meter = Meter(traffic)
        train(model, data, [meter], limit_val_batches=0, log_every_n_steps=100)
    offsets = 8 * 3 * 8  # where each image is cropped, and whether it is mirrored
    assert [after - before for before, after in pairwise(meter.bytes)] == [sent + offsets] * 3
    steps = differences(meter.training)
    assert [step["sent"] for step in steps] == [copies] * 3
    assert not any("blocking" in step for step in steps)


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.parametrize("hardest", [1.0, 0.5])
def test_a_step_of_the_record_sends_indices_and_crops_alone(hardest: float) -> None:
    """Whitened, label smoothing, Muon, a bias that is trained in one of two epochs."""
    model = create_model(
        "Airbench94",
        10,
        32,
        width=0.125,
        label_smoothing=0.2,
        hardest=hardest,
        optimizer=MuonSGD,
        lr_scheduler=partial(WarmupLinear, total_steps=None),
        layer_options={"whiten.bias": {"epochs": 1}},
    )
    crops = PadCropAlternatingFlip(padding=2, border="mirrored")
    data = Resident(
        batch_size=8, storage="device", transform=ProgressiveResize(crops, size=24, epochs=1)
    )
    with make_believe() as traffic:
        meter = Meter(traffic)
        callbacks = [Throughput(), MatrixRate(8), Divergence(False), meter]
        train(model, data, callbacks, max_epochs=2, limit_val_batches=0)
    steps = differences(meter.training)
    batches, logged = {"sent": 2}, {"sent": 2, "waits": 1 + EVERY}
    assert steps[: STEPS - 1] == [logged, batches, logged]
    assert steps[STEPS:] == [logged, batches, logged], "in the second epoch"


@pytest.mark.filterwarnings("ignore:.*does not have many workers")
@pytest.mark.filterwarnings("ignore:The provided params to be frozen already exist")
@pytest.mark.parametrize("kind", [GradientAccumulationScheduler, BackboneFinetuning])
def test_callbacks_that_change_the_training_make_no_step_wait(kind: type[Callback]) -> None:
    model = create_model("AlexNetBN", 10, 32, width=0.1, optimizer=partial(SGD, lr=0.1))
    data = Resident(batch_size=8, storage="device", transform=Flip())
    own: Any = {
        GradientAccumulationScheduler: {"scheduling": {1: 2}},
        BackboneFinetuning: {"unfreeze_backbone_at_epoch": 1, "backbone_initial_lr": 0.01},
    }
    with make_believe() as traffic:
        meter = Meter(traffic)
        callbacks = [kind(**own[kind]), meter]
        train(model, data, callbacks, max_epochs=2, limit_val_batches=0, log_every_n_steps=100)
    steps = differences(meter.training)
    del steps[STEPS - 1]  # between the epochs
    assert all(step["sent"] == 2 and step.get("waits", 0) <= 1 for step in steps), steps
    assert sum(step.get("waits", 0) for step in steps) <= 2, "the loss that an epoch logs"
