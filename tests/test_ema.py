"""overlays/ema.yaml: one set of weights, the averaged one, from validation to evaluate."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
import yaml
from torch.nn import functional as F

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.evaluate import evaluate
from alexnet_lightning.fit import main as fit

from .conftest import CONFIGS

OVERLAY = CONFIGS / "overlays" / "ema.yaml"


@pytest.fixture(scope="module")
def run(quick_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run whose weights move far in its few steps, and whose average lags."""
    root = tmp_path_factory.mktemp("runs")
    flags = ["--trainer.callbacks.decay", "0.9", "--model.optimizer.lr", "0.01"]
    files = ["--config", str(quick_config), "--config", str(OVERLAY)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        fit([*files, "--runs_dir", str(root), *flags])
    (folder,) = (root / quick_config.stem).iterdir()
    return folder


def figures(run: Path, split: Any, weights: dict[str, torch.Tensor]) -> dict[str, float]:
    """Return loss and top-1 of weights on all images of a split at once."""
    cli = ExperimentCLI(["--config", str(run / "config.yaml")])
    cli.model.load_state_dict(weights)
    images, labels = cli.datamodule.sample(split, 300)
    with torch.no_grad():
        logits = cli.model.eval()(images)
    top1 = (logits.argmax(dim=1) == labels).float().mean()
    loss = F.cross_entropy(logits, labels)
    return {f"{split}/loss": float(loss), f"{split}/top1": float(top1)}


@pytest.mark.parametrize("split", ["val", "test"])
def test_what_was_validated_and_tested_is_the_average_that_the_checkpoint_keeps(
    run: Path, split: str
) -> None:
    summary = json.loads((run / "summary.json").read_text())
    kept = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    averaged = figures(run, split, kept["state_dict"])
    assert averaged == pytest.approx({key: summary[key] for key in averaged}, rel=1e-5)
    last = figures(run, split, kept["current_model_state"])
    assert abs(last[f"{split}/loss"] - averaged[f"{split}/loss"]) > 0.01, "else nothing is shown"


def test_batch_norms_statistics_are_averaged_with_the_weights(run: Path) -> None:
    kept = torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)
    names = [name for name in kept["state_dict"] if name.endswith(("running_mean", "running_var"))]
    assert names
    for name in names:
        assert not torch.equal(kept["state_dict"][name], kept["current_model_state"][name]), name


@pytest.mark.parametrize("split", ["val", "test"])
def test_evaluate_gives_the_same_figures_to_the_bit(
    run: Path, split: Literal["val", "test"]
) -> None:
    seen = evaluate(run, split=split)
    summary = json.loads((run / "summary.json").read_text())
    assert f"{split}/loss" in seen
    del seen[f"{split}/images"]
    assert seen == {key: summary[key] for key in seen}


def test_the_overlay_adds_to_the_callbacks_that_are_there(quick_config: Path, in_tmp: Path) -> None:
    content = yaml.safe_load(quick_config.read_text())
    stopping = {"class_path": "EarlyStopping", "init_args": {"monitor": "val/loss"}}
    content["trainer"]["callbacks"] = [stopping]
    config = in_tmp / "stopping.yaml"
    config.write_text(yaml.safe_dump(content))
    cli = ExperimentCLI(["--config", str(config), "--config", str(OVERLAY)])
    names = [type(callback).__name__ for callback in cli.trainer_arguments["callbacks"]]
    assert names == ["EarlyStopping", "EMAWeightAveraging"]
