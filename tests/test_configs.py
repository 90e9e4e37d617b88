"""Every experiment in configs/ runs, and sizes can be laid over them.

Overlays: tests/strangers/test_printed.py, by the command in each.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.fit import main as fit

ROOT = Path(__file__).parents[1]
CONFIGS = ROOT / "configs"
HEAVY = {"cifar_efficientnet", "cifar_resnet18"}  # at full size; seconds for a batch
EXPERIMENTS = [
    pytest.param(path, id=path.stem, marks=[pytest.mark.slow] if path.stem in HEAVY else [])
    for path in sorted(CONFIGS.glob("*.yaml"))
]
SIZES = {
    "cifar_64px": ["cifar_2012_init_255", "cifar_paper_init", "cifar_paper_init_255"],
    "cifar_small": [
        "cifar_original",
        "cifar_bn",
        "cifar_bn_skip",
        "cifar_skip",
        "cifar_skip_scaled",
    ],
    "cifar_torchvision_small": ["cifar_mobilenet", "cifar_resnet18"],
    "dogs_small": ["dogs5_sgd", "dogs5_sgd_step", "dogs5_adam", "dogs5_adam_step"],
    "tiny_imagenet_small": ["tiny_imagenet_bn"],
}
ONE_BATCH = ["--data.batch_size=2", "--trainer.fast_dev_run=true", "--trainer.accelerator=cpu"]
ONE_BATCH += ["--trainer.enable_progress_bar=false"]


def final(base: type) -> Iterator[type]:
    for child in base.__subclasses__():
        yield from list(final(child)) or [child]


def noise(data: ImageDataModule) -> dict[str, ImageTensors]:
    """Images of the right shape, four per split."""
    generator = torch.Generator().manual_seed(0)
    shape = (4, data.in_channels, data.native_size, data.native_size)
    images = torch.randint(256, shape, generator=generator, dtype=torch.uint8)
    labels = torch.arange(4) % data.num_classes
    return {split: ImageTensors(images, labels) for split in ("train", "val", "test")}


@pytest.fixture
def noise_for_data(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every data set holds noise; those that read their classes from folders find two."""
    (in_tmp / "configs").symlink_to(CONFIGS)
    for folder in ("pictures", "imagenet/train", "imagenet/val"):
        for name in ("cat", "dog"):
            (in_tmp / "data" / folder / name).mkdir(parents=True)
    for data in final(ImageDataModule):
        monkeypatch.setattr(data, "load", noise)
        monkeypatch.setattr(data, "prepare_data", lambda self: None)


@pytest.mark.parametrize("path", EXPERIMENTS)
def test_the_command_of_a_config_runs_one_batch(path: Path, noise_for_data: None) -> None:
    text = path.read_text()
    (command,) = re.findall(r"^# command: python -m alexnet_lightning\.fit (.*)", text, re.M)
    assert f"configs/{path.name}" in command
    no_download = ["--model.weights=null"] if "weights: imagenet" in text else []
    # 58 million weights take seconds to sample and to step.
    narrow = ["--model.width=0.1"] if "class_path: AlexNet" in text else []
    fit([*command.split(), *no_download, *narrow, *ONE_BATCH])


def laid_over(experiment: str, size: str) -> list[str]:
    return [f"--config=configs/{experiment}.yaml", f"--config=configs/sizes/{size}.yaml"]


def test_every_size_is_tested() -> None:
    assert {path.stem for path in CONFIGS.glob("sizes/*.yaml")} == set(SIZES)


@pytest.mark.parametrize("size", SIZES)
def test_a_size_runs_one_batch(size: str, noise_for_data: None) -> None:
    fit([*laid_over(SIZES[size][0], size), *ONE_BATCH])


@pytest.mark.parametrize(
    ("experiment", "size"), [(name, size) for size, names in SIZES.items() for name in names[1:]]
)
def test_a_size_can_be_laid_over(
    experiment: str, size: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert ExperimentCLI(laid_over(experiment, size)).config.name == experiment


DATA_SETS = [
    ["CIFAR10DataModule"],
    ["CIFAR100DataModule"],
    ["DigitsDataModule"],
    ["StanfordDogsDataModule", "--data.largest=5"],
    ["StanfordDogsDataModule"],
    ["TinyImageNetDataModule"],
    ["ImageNetDataModule"],
    ["ImageFolderDataModule"],
]
IN_FILES = ["--data.storage=files"]
REAL = [
    ["cifar10", "CIFAR10DataModule"],
    ["stanford_dogs", "StanfordDogsDataModule", *IN_FILES],
    ["tiny-imagenet-200", "TinyImageNetDataModule", *IN_FILES],
    ["imagenette-224", "ImageNetDataModule", "--data.folder=imagenette-224", *IN_FILES],
    ["imagenette-224", "ImageFolderDataModule", "--data.folder=imagenette-224", *IN_FILES],
]
NARROW = [f"--config={CONFIGS / 'cifar_bn_small.yaml'}", "--model.width=0.05", *ONE_BATCH]


@pytest.mark.parametrize("data", DATA_SETS, ids=" ".join)
def test_another_data_set_is_one_flag(data: list[str], noise_for_data: None) -> None:
    fit([*NARROW, "--data", *data])


@pytest.mark.slow
@pytest.mark.parametrize("data", REAL, ids=lambda data: data[1])
def test_another_real_data_set_is_one_flag(data: list[str]) -> None:
    folder, *flags = data
    if not (ROOT / "data" / folder).is_dir():
        pytest.skip(f"needs the real images in {ROOT / 'data' / folder}")
    fit([*NARROW, f"--data.root={ROOT / 'data'}", "--data", *flags])
