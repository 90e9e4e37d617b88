"""The shared step: loss and metrics to the digit, schedules at the right moment."""

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers.logger import DummyLogger
from torch.nn import functional as F
from torch.optim import SGD
from torch.optim.lr_scheduler import OneCycleLR
from torchmetrics.classification import MulticlassAccuracy

from alexnet_lightning.data import DigitsDataModule, ResizeCropFlip
from alexnet_lightning.models import AlexNet, AlexNetBN
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.metrics import StageMetrics
from alexnet_lightning.training.schedules import Plateau


def small(variant: type = AlexNet, **recipe: Any) -> LightningModule:
    torch.manual_seed(0)
    return variant(num_classes=10, in_channels=1, image_size=8, stem="small", width=0.05, **recipe)


def quiet_trainer(folder: Path, epochs: int, *callbacks: Callback, **flags: Any) -> Trainer:
    return Trainer(
        max_epochs=epochs,
        accelerator="cpu",
        default_root_dir=folder,
        logger=False,
        callbacks=list(callbacks),
        enable_checkpointing=any(isinstance(c, ModelCheckpoint) for c in callbacks),
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        **flags,
    )


class Told(DummyLogger):
    """Keep what the steps tell of, and when."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int, dict[str, float]]] = []

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        if "lr" in metrics:
            self.rows.append((step, metrics))


class Losses(Callback):
    """Keep the loss of every batch."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *rest: Any
    ) -> None:
        # Lightning has divided it.
        self.seen.append(outputs["loss"].item() * trainer.accumulate_grad_batches)


@pytest.mark.parametrize(("accumulate", "steps"), [(1, [2, 5, 8, 11]), (2, [2, 5])])
def test_every_so_many_steps_the_loggers_get_rate_and_loss_once(
    tmp_path: Path, accumulate: int, steps: list[int]
) -> None:
    logger, losses = Told(), Losses()
    model, data = small(optimizer=partial(SGD, lr=0.5)), DigitsDataModule(batch_size=200)
    flags = {"log_every_n_steps": 3, "accumulate_grad_batches": accumulate}  # 6 batches an epoch
    trainer = quiet_trainer(tmp_path, 2, losses, **flags)
    trainer.loggers = [logger]
    trainer.fit(model, data)
    assert [step for step, _ in logger.rows] == steps
    told = [figures["train/loss_step"] for _, figures in logger.rows]
    assert told == [losses.seen[(step + 1) * accumulate - 1] for step in steps]
    assert {figures["lr"] for _, figures in logger.rows} == {0.5}
    assert [figures["epoch"] for _, figures in logger.rows] == [
        step * accumulate // 6 for step in steps
    ]


def test_validation_figures_are_those_of_all_images_at_once(tmp_path: Path) -> None:
    model, data = small(), DigitsDataModule(batch_size=37)
    (found,) = quiet_trainer(tmp_path, 1).validate(model, data, verbose=False)
    images, labels = data.sample("val", 300)
    with torch.no_grad():
        logits = model.eval()(images)
    ranks = (logits > logits.gather(1, labels[:, None])).sum(1)
    assert found["val/loss"] == pytest.approx(float(F.cross_entropy(logits, labels)), rel=1e-5)
    assert found["val/top1"] == pytest.approx(float((ranks < 1).float().mean()), abs=1e-6)
    assert found["val/top5"] == pytest.approx(float((ranks < 5).float().mean()), abs=1e-6)


def test_a_test_of_ten_views_averages_their_probabilities(tmp_path: Path) -> None:
    crops = ResizeCropFlip(resize=10, crop=8, flip=False)
    # He's initialization, with which the views of an image differ in the logits.
    model = small(init="he")
    data = DigitsDataModule(batch_size=37, transform=crops, views="ten")
    (found,) = quiet_trainer(tmp_path, 1).test(model, data, verbose=False)
    images, labels = data.splits["test"][range(300)]
    large = crops.whole(images)
    views = [large[..., y : y + 8, x : x + 8] for y in (0, 2) for x in (0, 2)]
    views.append(large[..., 1:9, 1:9])
    views += [view.flip(-1) for view in views]
    with torch.no_grad():
        each = [model.eval()(data.normalise(view)).softmax(-1) for view in views]
    mean = torch.stack(each).mean(dim=0)
    assert found["test/loss"] == pytest.approx(float(F.nll_loss(mean.log(), labels)), rel=1e-5)
    top1 = float((mean.argmax(-1) == labels).float().mean())
    assert found["test/top1"] == pytest.approx(top1, abs=1e-6)
    assert found["test/images"] == 300


def test_of_six_views_the_centre_weighs_a_half_and_each_shift_a_quarter(tmp_path: Path) -> None:
    # He's initialization, with which the views of an image differ in the logits.
    model, data = small(init="he"), DigitsDataModule(batch_size=37, views="six")
    (found,) = quiet_trainer(tmp_path, 1).test(model, data, verbose=False)
    images, labels = data.splits["test"][range(300)]
    padded = F.pad(images.float(), [1] * 4, mode="reflect")

    def logits(views: torch.Tensor) -> torch.Tensor:
        seen = (data.normalise(side.byte()) for side in (views, views.flip(-1)))
        return torch.stack([model.eval()(each) for each in seen]).mean(dim=0)

    with torch.no_grad():
        shifted = logits(padded[..., :-2, :-2]) + logits(padded[..., 2:, 2:])
        mean = logits(images.float()) / 2 + shifted / 4
    assert found["test/loss"] == pytest.approx(F.cross_entropy(mean, labels).item(), rel=1e-5)
    top1 = (mean.argmax(-1) == labels).float().mean().item()
    assert found["test/top1"] == pytest.approx(top1, abs=1e-6)


def test_soft_targets_give_the_same_loss_as_the_class_they_stand_for() -> None:
    model = small().eval()
    images, labels = torch.randn(6, 1, 8, 8), torch.arange(6)
    hard = model._step((images, labels), model.val_metrics)
    soft = model._step((images, F.one_hot(labels, 10).float()), model.val_metrics)
    assert torch.allclose(hard["loss"], soft["loss"])
    assert torch.equal(soft["targets"], labels)


def test_a_loss_that_is_not_a_number_shows() -> None:
    metrics = small().train_metrics
    metrics.update(torch.tensor(1.0), torch.zeros(2, 10), torch.arange(2))
    metrics.update(torch.tensor(torch.nan), torch.zeros(2, 10), torch.arange(2))
    assert metrics.loss.compute().isnan()


def test_waiting_batches_are_counted_when_asked_for_and_when_they_are_many() -> None:
    metrics, reference = StageMetrics("train", 10, (1, 5)), MulticlassAccuracy(10, average="micro")
    for size in (3, 700, 700, 5):  # the third makes them many
        logits, labels = torch.randn(size, 10), torch.randint(10, (size,))
        metrics.update(torch.tensor(1.0), logits, labels)
        reference.update(logits, labels)
    assert metrics.images.compute() == 1403
    metrics.state()  # as for a checkpoint within an epoch
    assert metrics.images.compute() == 1408
    assert metrics.accuracies.compute()["train/top1"] == reference.compute()


class Counted(Callback):
    """Note how many images an epoch has counted; stop the fit after three batches if asked."""

    def __init__(self, stop: bool) -> None:
        self.stop, self.images = stop, 0.0

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.stop and batch_idx == 2:
            raise KeyboardInterrupt

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        metrics: Any = pl_module.train_metrics
        metrics.count()
        state = metrics.accuracies["top1"].metric_state
        self.images = float(state["tp"] + state["fn"])


def test_what_an_interrupted_epoch_has_counted_is_not_in_the_next(tmp_path: Path) -> None:
    model, data = small(optimizer=partial(SGD, lr=0.1)), DigitsDataModule()
    with pytest.raises(SystemExit):
        quiet_trainer(tmp_path, 1, Counted(stop=True)).fit(model, data)
    whole = Counted(stop=False)
    quiet_trainer(tmp_path, 1, whole).fit(model, data)
    assert whole.images == len(data.splits["train"])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_sixteen_bits_do_not_round_what_is_counted(dtype: torch.dtype) -> None:
    metrics = StageMetrics("val", 10, (1,)).to(dtype)
    loss, logits = torch.tensor(2.0, dtype=dtype), torch.zeros(1000, 10, dtype=dtype)
    for _ in range(70):  # sums beyond 65,504, the largest number of float16
        metrics.update(loss, logits, torch.zeros(1000, dtype=torch.long))
    assert metrics.images.compute() == 70_000
    assert metrics.loss.compute() == 2.0
    assert metrics.loss.mean_value.dtype == torch.float32


def test_smoothed_labels_count_in_training_only() -> None:
    model = small(label_smoothing=0.1).eval()
    batch = (torch.randn(6, 1, 8, 8), torch.arange(6))
    plain = F.cross_entropy(model(batch[0]), batch[1])
    smooth = F.cross_entropy(model(batch[0]), batch[1], label_smoothing=0.1)
    assert model._step(batch, model.val_metrics)["loss"] == plain
    assert model._step(batch, model.train_metrics)["loss"] == smooth != plain


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_of_the_hardest_half_alone_are_loss_and_gradient(tmp_path: Path, precision: Any) -> None:
    """A batch of which half is right already teaches what the other half alone would teach."""
    model = small(AlexNetBN, optimizer=partial(SGD, lr=0.1), hardest=0.5, dropout=0.0)
    model.train_metrics.reset()
    plugin = quiet_trainer(tmp_path, 1, precision=precision).precision_plugin
    images = torch.rand(8, 1, 8, 8)
    with torch.no_grad(), plugin.forward_context():
        said = model.network.eval()(images).float()
    model.train()
    labels = torch.where(torch.arange(8) % 2 == 0, said.argmax(dim=1), said.argmin(dim=1))
    before = {name: value.clone() for name, value in model.network.state_dict().items()}
    with plugin.forward_context():
        chosen = model._hardest_of((images, labels))
        for name, value in model.network.state_dict().items():
            assert torch.equal(value, before[name]), "batch norm must not see the others"
        model._step(chosen, model.train_metrics)["loss"].backward()
        found = [parameter.grad.clone() for parameter in model.network.parameters()]
        model.zero_grad()
        model._step((images[1::2], labels[1::2]), model.train_metrics)["loss"].backward()
    assert model.network.training
    for gradient, parameter in zip(found, model.network.parameters(), strict=True):
        assert torch.equal(gradient, parameter.grad) and gradient.any()


def test_a_part_of_no_images_is_refused() -> None:
    for part in (0.0, 1.5, float("nan")):
        with pytest.raises(UserError, match=r"model\.hardest is .*: give a number above 0 to 1"):
            small(hardest=part)


class Rates(Callback):
    """Note rate and bad epochs of the plateau at each epoch's start."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, float, int]] = []

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        scheduler = trainer.lr_scheduler_configs[0].scheduler
        rate = trainer.optimizers[0].param_groups[0]["lr"]
        self.seen.append((trainer.current_epoch, rate, scheduler.num_bad_epochs))


@pytest.mark.filterwarnings("ignore:Checkpoint directory .* exists and is not empty")
@pytest.mark.parametrize("accumulate", [1, 3])
def test_a_plateau_goes_on_after_a_resume_as_if_nothing_had_happened(
    tmp_path: Path, accumulate: int
) -> None:
    recipe = {
        "optimizer": partial(SGD, lr=0.01),
        # A threshold that no epoch meets: bad epochs count up, the rate falls every third.
        "lr_scheduler": partial(Plateau, patience=1, threshold=0.9),
    }

    def fit(epochs: int, resume: str | None = None) -> tuple[list[Any], str]:
        rates = Rates()
        checkpoint = ModelCheckpoint(tmp_path, save_last=True, save_on_train_epoch_end=True)
        trainer = quiet_trainer(
            tmp_path, epochs, rates, checkpoint, accumulate_grad_batches=accumulate
        )
        trainer.fit(small(**recipe), DigitsDataModule(batch_size=300), ckpt_path=resume)
        return rates.seen, checkpoint.last_model_path

    whole, _ = fit(6)
    first, last = fit(3)
    second, _ = fit(6, resume=last)
    assert first + second == whole
    assert len({rate for _, rate, _ in whole}) > 2, "the plateau must have stepped for this to show"


class StepRates(Callback):
    """Note the rate of every step."""

    def __init__(self) -> None:
        self.seen: list[float] = []

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        self.seen.append(trainer.optimizers[0].param_groups[0]["lr"])


def test_a_schedule_over_a_budget_ends_with_the_run(tmp_path: Path) -> None:
    make = partial(OneCycleLR, max_lr=0.1, total_steps=None, epochs=None, steps_per_epoch=None)
    model = small(AlexNetBN, optimizer=partial(SGD, lr=0.01, momentum=0.9), lr_scheduler=make)
    rates = StepRates()
    trainer = quiet_trainer(tmp_path, 2, rates)
    trainer.fit(model, DigitsDataModule(batch_size=300))
    (config,) = trainer.lr_scheduler_configs
    assert config.interval == "step"
    assert config.scheduler.total_steps == trainer.global_step == 8
    assert rates.seen[-1] < 0.001 < max(rates.seen)


def test_biases_learn_faster_without_decay_in_a_real_fit(tmp_path: Path) -> None:
    make = partial(SGD, lr=0.01, weight_decay=5e-4)
    model = small(optimizer=make, bias_lr_factor=2.0, decay_biases=False)
    trainer = quiet_trainer(tmp_path, 1, limit_train_batches=1, limit_val_batches=0)
    trainer.fit(model, DigitsDataModule())
    weights, biases = trainer.optimizers[0].param_groups
    assert (weights["lr"], biases["lr"]) == (0.01, 0.02)
    assert (weights["weight_decay"], biases["weight_decay"]) == (5e-4, 0.0)
    names = {id(p): name for name, p in model.named_parameters()}
    assert {names[id(p)].rsplit(".")[-1] for p in biases["params"]} == {"bias"}
    assert {names[id(p)].rsplit(".")[-1] for p in weights["params"]} == {"weight"}


def test_the_network_is_channels_last() -> None:
    weight = small().network.features.conv2.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)
