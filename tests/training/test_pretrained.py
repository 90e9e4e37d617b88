"""A training that begins with the weights of another."""

import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import yaml
from torch import Tensor
from torch.optim import SGD

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.fit import fit
from alexnet_lightning.models import AlexNetModern
from alexnet_lightning.training.pretrained import last_layer
from alexnet_lightning.training.run_folder import RunFolder
from tests.training.test_classifier import quiet_trainer


@pytest.fixture
def weights(trained_run: Path) -> dict[str, Tensor]:
    return RunFolder(trained_run).read("best")["state_dict"]


def test_of_the_same_classes_all_weights_are_taken(
    trained_run: Path, quick_config: Path, weights: dict[str, Tensor]
) -> None:
    cli = ExperimentCLI(["--config", str(quick_config), "--pretrained", str(trained_run)])
    own = cli.model.state_dict()
    assert own.keys() == weights.keys()
    assert all(own[name].equal(weights[name]) for name in weights)


def test_of_other_classes_the_last_layer_is_new(
    trained_run: Path,
    quick_config: Path,
    weights: dict[str, Tensor],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [f"{number}s" for number in range(7)]
    monkeypatch.setattr(DigitsDataModule, "class_names", names)
    args = ["--config", str(quick_config)]
    cli = ExperimentCLI([*args, "--pretrained", str(trained_run)])
    fresh = ExperimentCLI(args).model.state_dict()
    own, last = cli.model.state_dict(), last_layer(cli.model)
    new = [name for name in own if not own[name].equal(weights[name])]
    assert new and all(name.startswith(last) for name in new)
    assert all(own[name].shape == fresh[name].shape for name in own)
    assert len(own[f"{last}weight"]) == 7


def test_the_config_names_the_run_and_resuming_does_not_need_it(
    own_run: Path, quick_config: Path, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    still = {"trainer.max_epochs": 1, "model.optimizer.lr": 0.0, "pretrained": own_run.parent}
    run = Path(fit(quick_config, still)["run"])
    begun = [RunFolder(path).read("best")["state_dict"] for path in (own_run, run)]
    layers = [name for name in begun[0] if name.endswith("weight")]
    assert layers and all(begun[0][name].equal(begun[1][name]) for name in layers)
    assert yaml.safe_load((run / "config.yaml").read_text())["pretrained"] == str(own_run)
    shutil.rmtree(own_run)
    assert fit(overrides={"trainer.max_epochs": 2}, resume=run)["run"] == str(run)


@pytest.mark.parametrize(
    ("flags", "line"),
    [
        ("--model AlexNet", "is of AlexNetBN, the model is AlexNet$"),
        ("--model.width 0.3", "model: width is 0.3, in the checkpoint 0.05"),
        ("--pretrained nowhere", "nowhere: no run there"),
    ],
)
def test_what_does_not_fit_is_named(
    flags: str, line: str, trained_run: Path, quick_config: Path, mistake: Callable[..., str]
) -> None:
    begun = ("--config", quick_config, "--pretrained", trained_run)
    assert re.search(line, mistake("fit", *begun, *flags.split()))


def test_a_whitening_is_not_fitted_to_the_new_images(tmp_path: Path) -> None:
    model = AlexNetModern(10, 1, 8, width=0.1, whitening=True, optimizer=partial(SGD, lr=0.0))
    filters = model.state_dict()["network.features.whiten.weight"].clone()
    model.pretrained = True
    trainer = quiet_trainer(tmp_path, 1, limit_train_batches=1, limit_val_batches=0)
    trainer.fit(model, DigitsDataModule())
    assert model.state_dict()["network.features.whiten.weight"].equal(filters)
