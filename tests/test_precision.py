"""Mixed precision: 16 bits where they are enough, 32 where they are not."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.fit import main as fit
from alexnet_lightning.networks import layers
from alexnet_lightning.training.run_folder import RunFolder

from .processes import Run

RECIPE = [
    *("--model", "AlexNet", "--model.init", "he", "--model.width", "0.1"),
    *("--model.dropout", "0"),
    *("--model.lr_scheduler", "OneCycleLR", "--model.lr_scheduler.max_lr", "0.004"),
    *("--data.batch_size", "40"),
]
Dtypes = dict[str, set[torch.dtype]]


class Listening(Callback):
    """Note the types of what passes: out of layers, and into the metrics."""

    def __init__(self, dtypes: Dtypes) -> None:
        self.dtypes = dtypes

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        network: Any = pl_module.network
        watched = {"conv1": network.features.conv1, "fc8": network.classifier.fc8}
        self.handles = [
            layer.register_forward_hook(self.noting(name)) for name, layer in watched.items()
        ]

    def on_fit_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for handle in self.handles:  # the summary counts multiply-adds, in float32
            handle.remove()

    def noting(self, name: str) -> Callable[..., None]:
        return lambda layer, inputs, output: self.dtypes[name].add(output.dtype)

    def on_validation_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, *rest: Any
    ) -> None:
        self.dtypes["logits"].add(outputs["logits"].dtype)
        self.dtypes["loss"].add(outputs["loss"].dtype)


@pytest.fixture
def dtypes(monkeypatch: pytest.MonkeyPatch) -> Dtypes:
    """What trainings from now on compute in."""
    seen: Dtypes = defaultdict(set)
    build, across = ExperimentCLI.build_trainer, layers.across

    def listened_to(self: ExperimentCLI, *args: Any, **kwargs: Any) -> Trainer:
        trainer = build(self, *args, **kwargs)
        trainer.callbacks.insert(0, Listening(seen))  # type: ignore[attr-defined]
        return trainer

    def watched(maps: Tensor, band: Tensor, reach: int) -> Tensor:
        sums = across(maps, band, reach)
        seen["lrn"] |= {maps.dtype, band.dtype, sums.dtype}
        return sums

    monkeypatch.setattr(ExperimentCLI, "build_trainer", listened_to)
    monkeypatch.setattr(layers, "across", watched)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    return seen


def trained(config: Path, precision: str, epochs: int) -> Run:
    flags = ["--trainer.precision", precision, "--trainer.max_epochs", str(epochs)]
    fit(["--config", str(config), *RECIPE, *flags, "--name", precision])
    (folder,) = Path("runs", precision).iterdir()
    return Run(folder, "")


@pytest.mark.slow
def test_bfloat16_trains_and_keeps_what_matters_in_32_bits(
    quick_config: Path, in_tmp: Path, dtypes: Dtypes
) -> None:
    whole = trained(quick_config, "32-true", 10)
    assert set().union(*dtypes.values()) == {torch.float32}
    dtypes.clear()

    mixed = trained(quick_config, "bf16-mixed", 10)
    assert dtypes["conv1"] == dtypes["fc8"] == {torch.bfloat16}, "it must have been mixed"
    assert dtypes["lrn"] == dtypes["logits"] == dtypes["loss"] == {torch.float32}
    losses = [float(row["train/loss"]) for row in mixed.rows if row["train/loss"]]
    assert losses[-1] < losses[0] / 2
    assert whole.summary["test/top1"] > 0.88, "it must have learnt something to compare"
    assert mixed.summary["test/top1"] == pytest.approx(whole.summary["test/top1"], abs=0.05)
    assert mixed.summary["test/loss"] != whole.summary["test/loss"]
    for name in ("best", "last"):
        weights = RunFolder(mixed.folder).read(name)["state_dict"]
        assert {weight.dtype for weight in weights.values()} == {torch.float32}


def test_float16_on_a_cpu_says_that_it_is_bfloat16(
    quick_config: Path, in_tmp: Path, dtypes: Dtypes
) -> None:
    with pytest.warns(UserWarning, match="fp16 is not supported on CPU. Using `precision='bf16-mi"):
        trained(quick_config, "16-mixed", 1)
    assert dtypes["conv1"] == {torch.bfloat16}
