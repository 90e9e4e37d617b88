"""Data that is no longer what a network was trained on: refused, or accepted and said."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from alexnet_lightning.fit import main as fit
from alexnet_lightning.training.run_folder import RunFolder
from tests.strangers.conftest import Case

OPTIMIZER = {"class_path": "Adam", "init_args": {"lr": 0.01}}
ACCEPT = "--accept_changed_data"
WAY_OUT = r"; restore it and the arguments of its split; fit, evaluate and explain go on with"
CHANGES = {
    "a class renamed": (
        lambda pets: (pets / "cat").rename(pets / "zebra"),
        r"classes missing cat, new zebra; train has 48 images, but not the same; ",
    ),
    "images added": (
        lambda pets: [shutil.copy(pets / "cat/0.png", pets / f"cat/a{n}.png") for n in range(20)],
        r"trained on it: train 48 → 64 images; val 6 → 8 images; test 6 → 8 images" + WAY_OUT,
    ),
    "an image renamed": (
        lambda pets: (pets / "cat/0.png").rename(pets / "cat/first.png"),
        r"trained on it: .* has \d+ images, but not the same" + WAY_OUT,
    ),
}


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty dark cats, bright dogs and gray eels, and a run that tells them apart."""
    root = tmp_path_factory.mktemp("changed")
    for name, level in (("cat", 0), ("dog", 235), ("eel", 120)):
        (root / "pets" / name).mkdir(parents=True)
        for number in range(20):
            image = Image.new("RGB", (8, 8), (level + number,) * 3)
            image.save(root / "pets" / name / f"{number}.png")
    data = {"folder": "pets", "size": 8, "batch_size": 16, "transform": "PadCropFlip"}
    config = {
        "model": {
            "class_path": "AlexNetBN",
            "init_args": {"stem": "small", "width": 0.05, "optimizer": OPTIMIZER},
        },
        "data": {"class_path": "ImageFolderDataModule", "init_args": data},
        "embedding_pca": {"count": 4},
        "trainer": {"max_epochs": 5, "accelerator": "cpu"},
    }
    (root / "pets.yaml").write_text(yaml.safe_dump(config))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_MODE", "disabled")
        patch.chdir(root)
        fit(["--config", "pets.yaml", "--data.root", "."])
    return root


@pytest.fixture
def here(original: Path, in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it all, as the working directory."""
    monkeypatch.setenv("WANDB_MODE", "disabled")
    return Path(shutil.copytree(original, in_tmp, dirs_exist_ok=True))


@pytest.mark.parametrize("change", CHANGES)
def test_changed_data_is_refused(
    change: str, here: Path, ends: Callable[..., tuple[str, str]]
) -> None:
    alter, words = CHANGES[change]
    before = {path: path.lstat().st_mtime_ns for path in here.glob("runs/**/*")}
    alter(here / "pets")
    ends(Case("evaluate latest", words))
    ends(Case("fit --resume latest --trainer.max_epochs 6", words))
    ends(Case("explain latest --what mistakes", words))
    changed = {path for path in here.glob("runs/**/*") if path.lstat().st_mtime_ns != before[path]}
    assert all(path.is_dir() or path.name == ".lock" for path in changed)


@pytest.mark.filterwarnings("ignore:the data has changed")
def test_a_renamed_class_keeps_its_logit(here: Path, ends: Callable[..., tuple[str, str]]) -> None:
    (here / "pets/cat").rename(here / "pets/zebra")  # now the last of the classes
    out, _ = ends(Case(f"evaluate latest {ACCEPT}", "", 0))
    (accuracy,) = re.findall(r"^test +([\d.]+) %", out, re.MULTILINE)
    assert float(accuracy) > 75  # of other images, for the split is sampled again
    out, _ = ends(Case(f"fit --resume latest --trainer.max_epochs 6 {ACCEPT}", "^run ", 0))
    assert "data        changed while the run lasted: classes missing cat, new zebra" in out
    run = RunFolder.find("latest")
    assert run.read_summary()["data/changed"].startswith("classes missing cat")
    assert ACCEPT[2:] not in run.config.read_text()
    assert run.read("last")["preprocessing"]["class_names"] == ["zebra", "dog", "eel"]
    ends(Case("evaluate latest --checkpoint last", "", 0))  # which has seen zebras


def test_more_classes_than_logits_are_refused_anyway(
    here: Path, ends: Callable[..., tuple[str, str]]
) -> None:
    shutil.copytree(here / "pets/cat", here / "pets/lynx")
    last = r"^error: the data has 4 classes, the network was trained on 3: classes new lynx; remove"
    ends(Case(f"evaluate latest {ACCEPT}", last))


@pytest.mark.filterwarnings("ignore:the data has changed")
def test_a_class_less_is_a_class_without_images(
    here: Path, ends: Callable[..., tuple[str, str]]
) -> None:
    shutil.rmtree(here / "pets/cat")
    ends(Case("evaluate latest", r"trained on it: classes missing cat; train 48 → 32 images; "))
    out, _ = ends(Case(f"evaluate latest {ACCEPT}", "", 0))
    (accuracy,) = re.findall(r"^test +([\d.]+) %", out, re.MULTILINE)
    assert float(accuracy) >= 75  # dogs and eels have kept their logits


def test_a_checkpoint_of_before_compares_the_classes(
    here: Path, ends: Callable[..., tuple[str, str]]
) -> None:
    (path,) = here.glob("runs/pets/*/checkpoints/best.ckpt")
    content = torch.load(path, weights_only=True)
    del content["data"]
    torch.save(content, path)
    CHANGES["images added"][0](here / "pets")
    ends(Case("evaluate latest", "", 0))
    (here / "pets/cat").rename(here / "pets/zebra")
    ends(Case("evaluate latest", r"trained on it: classes missing cat, new zebra; restore"))
