"""A training that begins with the weights of another."""

import re
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from torch import Tensor
from torch.optim import SGD

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.fit import fit
from alexnet_lightning.models import AlexNetModern, TorchvisionClassifier
from alexnet_lightning.training.pretrained import Pretrained, start_from
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


@pytest.mark.parametrize("count", [10, 12])
def test_of_other_classes_the_last_layer_is_new(
    count: int,
    trained_run: Path,
    quick_config: Path,
    weights: dict[str, Tensor],
    in_tmp: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setup = DigitsDataModule.setup

    def renamed(data: DigitsDataModule, stage: str | None = None) -> None:
        setup(data, stage)  # other names, as after a download: not known before
        data.class_names = [f"{number}s" for number in range(count)]

    monkeypatch.setattr(DigitsDataModule, "setup", renamed)
    monkeypatch.setattr(DigitsDataModule, "num_classes", count)
    args = ["--config", str(quick_config), "--trainer.max_epochs", "0"]
    cli = ExperimentCLI([*args, "--pretrained", str(trained_run)])
    cli.bare_trainer(in_tmp).fit(cli.model, cli.datamodule)
    fresh, own = ExperimentCLI(args).model.state_dict(), cli.model.state_dict()
    new = {name for name in own if not own[name].equal(weights[name])}
    assert new and all(own[name].equal(fresh[name]) for name in new)
    assert {name.rpartition(".")[0] for name in new} == {"network.classifier.fc8"}
    assert len(own["network.classifier.fc8.weight"]) == count


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
    model.pretrained = Pretrained(RunFolder(tmp_path), [], {})
    trainer = quiet_trainer(tmp_path, 1, limit_train_batches=1, limit_val_batches=0)
    trainer.fit(model, DigitsDataModule())
    assert model.state_dict()["network.features.whiten.weight"].equal(filters)


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18"])
def test_the_last_layer_is_that_of_the_logits(name: str, tmp_path: Path) -> None:
    shape = {"in_channels": 3, "image_size": 64, "name": name}
    earlier, model = (TorchvisionClassifier(num_classes=count, **shape) for count in (4, 3))
    checkpoint = {"variant": "TorchvisionClassifier", "state_dict": earlier.state_dict()}
    names = {"preprocessing": {"class_names": list("abcd")}}
    path = tmp_path / "checkpoints" / "best.ckpt"
    path.parent.mkdir()
    torch.save(checkpoint | names | {"hyper_parameters": {"num_classes": 4}}, path)
    kept = start_from(model, RunFolder(tmp_path)).last_layer
    assert {len(weight) for weight in kept.values()} == {3}
