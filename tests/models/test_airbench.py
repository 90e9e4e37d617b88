"""The CIFAR-10 speed record, built and trained again in plain torch from the facts of its source.

Source: airbench94_muon.py of github.com/KellerJordan/cifar10-airbench.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data import CIFAR10DataModule
from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.models import Airbench94, AlexNetModern
from alexnet_lightning.networks.inspect import multiply_adds
from alexnet_lightning.system.errors import UserError

CONFIG = Path(__file__).parents[2] / "configs" / "cifar_airbench94.yaml"
EPOCHS, WHITENING_EPOCHS = 8, 3


class Group(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding="same", bias=False)
        self.norm1 = nn.BatchNorm2d(outputs, eps=1e-12, momentum=1 - 0.6)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding="same", bias=False)
        self.norm2 = nn.BatchNorm2d(outputs, eps=1e-12, momentum=1 - 0.6)

    def forward(self, x: Tensor) -> Tensor:
        x = F.gelu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return F.gelu(self.norm2(self.conv2(x)))


class Reference(nn.Module):
    def __init__(self, widths: tuple[int, int, int] = (64, 256, 256)) -> None:
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        sizes = (24, *widths)
        self.groups = nn.Sequential(*(Group(*sizes[i : i + 2]) for i in range(3)))
        self.head = nn.Linear(widths[-1], 10, bias=False)

    def forward(self, x: Tensor, whitening_learns: bool = True) -> Tensor:
        bias = self.whiten.bias if whitening_learns else self.whiten.bias.detach()
        x = F.gelu(F.conv2d(x, self.whiten.weight, bias))
        x = F.max_pool2d(self.groups(x), 3).flatten(1)
        return self.head(x) / x.shape[1]

    def fill(self, weights: dict[str, Tensor]) -> "Reference":
        """Take the weights of our network, whose layers come in the same order."""
        mine = self.state_dict()
        assert [w.shape for w in mine.values()] == [w.shape for w in weights.values()]
        self.load_state_dict(dict(zip(mine, weights.values(), strict=True)))
        return self


def network() -> nn.Module:
    torch.manual_seed(0)
    return Airbench94(10, 3, 32).network


def test_parameters_and_multiply_adds_are_the_sources() -> None:
    sizes = [(p.numel(), p.requires_grad) for p in network().parameters()]
    assert sum(count for count, _ in sizes) == 1_972_792
    assert sum(count for count, trained in sizes if trained) == 1_971_352
    assert multiply_adds(network(), 3, 32) / 1e6 == pytest.approx(118.1, abs=0.05)


def test_logits_are_those_of_plain_torch() -> None:
    ours = network()
    ours.features.whiten.fit(torch.randn(50, 3, 32, 32))
    theirs = Reference().fill(ours.state_dict())
    images = torch.randn(8, 3, 32, 32)
    with torch.no_grad():
        for mode in (True, True, False):  # evaluation reads what training has left behind
            logits = ours.train(mode)(images)
            assert logits.std() > 0.01
            assert torch.allclose(logits, theirs.train(mode)(images), atol=1e-5)


def test_channels_begin_as_the_identity_and_the_head_with_deviation_one() -> None:
    ours = network()
    images = torch.randn(2, 24, 9, 9)
    assert torch.allclose(ours.features.conv1(images)[:, :24], images, atol=1e-6)
    assert not torch.equal(ours.features.conv1.weight[24], ours.features.conv1.weight[25])
    assert ours.classifier.fc.weight.std().item() == pytest.approx(1.0)
    bias = ours.features.whiten.bias
    assert 0.2 < bias.abs().max().item() <= 12**-0.5, "torch's, of 12 inputs"


def test_a_stem_without_whitening_trains_the_same_number_of_filters() -> None:
    model = Airbench94(10, 3, 32, whitening=False)
    assert sum(p.numel() for p in model.parameters()) == 1_972_792
    assert model.network.features.whiten.weight.requires_grad
    assert model.network.classifier.fc.scale == 1 / 256
    assert Airbench94(10, 3, 32, width=0.25, logit_scale=0.1).network.classifier.fc.scale == 0.1


@pytest.mark.parametrize("scale", [0.0, float("nan"), float("inf")])
@pytest.mark.parametrize("variant", [Airbench94, AlexNetModern])
def test_a_scale_of_the_logits_is_a_finite_number_above_0(variant: Any, scale: float) -> None:
    with pytest.raises(UserError, match=rf"^model.logit_scale is {scale}: give a number > 0"):
        variant(10, 3, 32, logit_scale=scale)


def test_the_rates_of_the_mean_loss_are_the_sources_of_its_sum() -> None:
    recipe = yaml.safe_load(CONFIG.read_text())["model"]["init_args"]
    muon, options = recipe["optimizer"]["init_args"], recipe["layer_options"]
    head = muon["lr"] * muon["rest_lr_factor"]
    biases, decay = head * recipe["bias_lr_factor"], 2e-6 * 2000
    assert muon["lr"] == 0.24
    assert head / 2000 == pytest.approx(0.67)
    assert biases / 2000 == pytest.approx(0.053)
    assert options["classifier"]["weight_decay"] * head == pytest.approx(decay)
    assert muon["weight_decay"] * biases == pytest.approx(decay)


def noise(data: CIFAR10DataModule) -> dict[str, ImageTensors]:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (48, 3, 32, 32), generator=generator, dtype=torch.uint8)
    train = ImageTensors(images, torch.arange(48) % 10)
    return {"train": train, "val": train.subset(torch.arange(0)), "test": train}


class Record(Callback):
    """Keeps the weights before the first step, and every batch as the network sees it."""

    def __init__(self) -> None:
        self.batches: list[tuple[Tensor, Tensor]] = []
        self.losses: list[float] = []

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.start = deepcopy(pl_module.network.state_dict())

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        self.batches.append(deepcopy(batch))

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *_: Any
    ) -> None:
        self.losses.append(float(outputs["loss"]))


@pytest.fixture
def record(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Record, dict[str, Tensor]]:
    """The recipe for a narrow network and batches of 16 in 64 bits, and what came of it."""
    monkeypatch.setattr(CIFAR10DataModule, "load", noise)
    monkeypatch.setattr(CIFAR10DataModule, "prepare_data", lambda self: None)
    flags = ["--model.width=0.125", "--data.batch_size=16", "--trainer.precision=64-true"]
    # The source's rates are those of a sum: of 16 images they are 16 times those of the mean.
    flags += [f"--model.optimizer.rest_lr_factor={0.67 * 16 / 0.24}"]
    cli = ExperimentCLI([f"--config={CONFIG}", *flags, "--trainer.accelerator=cpu"])
    trainer, seen = cli.bare_trainer(in_tmp), Record()
    trainer.callbacks.append(seen)
    trainer.fit(cli.model, datamodule=cli.datamodule)
    return seen, cli.model.network.state_dict()


def muon_step(gradient: Tensor) -> Tensor:
    """What three iterations of the quintic make of the singular values, by an SVD."""
    left, values, right = torch.linalg.svd(gradient.flatten(1), full_matrices=False)
    values = values / (gradient.norm() + 1e-7)
    for _ in range(3):
        values = 3.4445 * values - 4.7750 * values**3 + 2.0315 * values**5
    return (left @ values.diag() @ right).view(gradient.shape)


def test_eight_epochs_end_with_the_weights_of_plain_torch(
    record: tuple[Record, dict[str, Tensor]],
) -> None:
    seen, ours = record
    model = Reference((8, 32, 32)).double().fill(seen.start)
    filters = [p for name, p in model.named_parameters() if "conv" in name]
    buffers = [torch.zeros_like(p) for p in filters]
    norms = [p for name, p in model.named_parameters() if "norm" in name and "bias" in name]
    decay = 2e-6 * 16
    rates = [0.053, 0.053, 0.67]
    members = [[model.whiten.bias], norms, [model.head.weight]]
    groups = [
        {"params": each, "lr": rate, "weight_decay": decay / rate}
        for each, rate in zip(members, rates, strict=True)
    ]
    sgd = torch.optim.SGD(groups, momentum=0.85, nesterov=True)
    steps = len(seen.batches)
    assert steps == EPOCHS * 3
    for step, (images, labels) in enumerate(seen.batches):
        learning = step < 3 * WHITENING_EPOCHS
        logits = model(images, learning)
        loss = F.cross_entropy(logits, labels, label_smoothing=0.2, reduction="sum")
        assert loss.item() / 16 == pytest.approx(seen.losses[step], rel=1e-6)
        sgd.zero_grad()
        model.zero_grad()
        loss.backward()
        left = 1 - step / steps
        for group, rate in zip(sgd.param_groups, rates, strict=True):
            group["lr"] = rate * left
        sgd.param_groups[0]["lr"] = rates[0] * (1 - step / (3 * WHITENING_EPOCHS))
        sgd.step()
        with torch.no_grad():
            for weight, buffer in zip(filters, buffers, strict=True):
                buffer.mul_(0.6).add_(weight.grad)
                weight.mul_(len(weight) ** 0.5 / weight.norm())
                weight.sub_(muon_step(weight.grad + 0.6 * buffer), alpha=0.24 * left)
    for (name, mine), theirs in zip(ours.items(), model.state_dict().values(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6), name


def test_the_whitenings_bias_moves_in_its_epochs_alone_and_the_loss_falls(
    record: tuple[Record, dict[str, Tensor]],
) -> None:
    seen, ours = record
    assert not torch.equal(ours["features.whiten.bias"], seen.start["features.whiten.bias"])
    assert torch.equal(ours["features.whiten.weight"], seen.start["features.whiten.weight"])
    first, last = (sum(seen.losses[part]) / 3 for part in (slice(3), slice(-3, None)))
    assert last < first - 0.1
