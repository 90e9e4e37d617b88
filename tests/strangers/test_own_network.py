"""A network in a file of one's own: every command finds its class by the run's configuration."""

import pickle
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

import alexnet_lightning
from alexnet_lightning.fit import main as fit
from alexnet_lightning.inference.choices import Source
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.own_variant import own_variant
from alexnet_lightning.training.run_folder import RunFolder
from tests.strangers.conftest import Case

SOURCE = """
from torch import nn

from alexnet_lightning import ImageClassifier
from alexnet_lightning.networks.base import ConvNet


class OwnNet(ImageClassifier):
    def __init__(self, num_classes, in_channels, image_size, **recipe):
        backbone = nn.Sequential(nn.Conv2d(in_channels, 4, 3, padding=1), nn.ReLU())
        head = nn.Sequential(nn.Linear(4 * image_size**2, num_classes))
        super().__init__(network=ConvNet(backbone, head), num_classes=num_classes, **recipe)
"""
CASES = [
    Case("predict {run} {image}", r"^digit\.png ", 0),
    Case("evaluate {run}", r"^checkpoint .*best\.ckpt \(epoch 1\)$", 0),
    Case("explain {run} --what best_last kernels", r"kernels\.png$", 0),
    Case("export {run} --format safetensors", r"^differs by ", 0),
    Case("fit --resume {run}", r"stopped after epoch", 0),
    Case("diagnose --config {run}/config.yaml", r"the images reach", 0),
]
MISSING = r"^error: cannot import own_net\.OwnNet, .*; put the folder of its file on PYTHONPATH$"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the user's file lies."""
    path = tmp_path_factory.mktemp("mine")
    (path / "own_net.py").write_text(SOURCE)
    return path


@pytest.fixture
def importable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The user's folder is on PYTHONPATH, and nothing has been imported from it yet."""
    monkeypatch.syspath_prepend(folder)
    sys.modules.pop("own_net", None)
    yield
    sys.modules.pop("own_net", None)


@pytest.fixture(scope="module")
def mine(folder: Path, quick_config: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of an epoch of the user's network."""
    root = tmp_path_factory.mktemp("runs_of_mine")
    model = ["--model", "own_net.OwnNet", "--model.optimizer", "Adam"]
    words = ["--data", "DigitsDataModule", "--trainer.max_epochs", "1", "--trainer.accelerator=cpu"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        patch.syspath_prepend(folder)
        fit([*model, *words, "--runs_dir", str(root)])
    (config,) = root.rglob("config.yaml")
    return config.parent


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_command_takes_it(
    case: Case, mine: Path, ends: Callable[..., tuple[str, str]], importable: None, in_tmp: Path
) -> None:
    Image.new("L", (8, 8)).save(in_tmp / "digit.png")
    _, err = ends(case, run=mine, image="digit.png")
    if "diagnose" not in case.command:
        assert "OwnNet comes from " in err


def test_the_user_s_class_goes_before_one_of_the_package_of_its_name(
    mine: Path, importable: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(alexnet_lightning.VARIANTS, "OwnNet", "alexnet_lightning.models")
    source = pickle.loads(pickle.dumps(Source.find(mine)))  # as LitServe hands it to its workers
    assert type(Predictor.load(source).model).__module__ == "own_net"


def test_a_class_that_cannot_be_imported(mine: Path, ends: Callable[..., tuple[str, str]]) -> None:
    sys.modules.pop("own_net", None)
    for command in ("predict {run} x.png", "evaluate {run}", "fit --resume {run}"):
        ends(Case(command, MISSING), run=mine)


def test_nothing_is_imported_from_a_run_folder(
    mine: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(mine, tmp_path / "run")
    shutil.copy(folder / "own_net.py", run)
    monkeypatch.chdir(run)
    monkeypatch.syspath_prepend(run)
    with pytest.raises(UserError, match="not imported from a run folder"):
        own_variant(RunFolder(Path()))
    assert "own_net" not in sys.modules


def test_a_checkpoint_alone_imports_nothing(mine: Path, tmp_path: Path, importable: None) -> None:
    alone = shutil.copy(mine / "checkpoints" / "best.ckpt", tmp_path)
    assert Source.find(alone).variant is None
    assert "own_net" not in sys.modules
