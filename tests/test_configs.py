"""Every file in configs/: its four facts, and that it runs."""

from pathlib import Path

import pytest
import torch
import yaml

from alexnet_lightning import data as sets
from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.data.batches import Images, ImageTensors
from alexnet_lightning.data.files_module import FilesDataModule
from alexnet_lightning.fit import main as fit
from alexnet_lightning.system.errors import UserError

CONFIGS = Path(__file__).parents[1] / "configs"
EXPERIMENTS = sorted(CONFIGS.glob("*.yaml"))
OVERLAYS = sorted(CONFIGS.glob("overlays/*.yaml"))
DATA = CONFIGS.parent / "data"
DECISIVE = ("native_size", "largest", "folder", "seed", "val_images", "val_fraction", "storage")
LOADED: dict[tuple[str, str], dict[str, Images]] = {}  # each data set is decoded once
SAMPLE = "imagenette-224"  # a small one in ImageNet's layout


def synthetic(data: ImageDataModule) -> dict[str, ImageTensors]:
    """Images of the right shape and all classes, eight a split."""
    generator = torch.Generator().manual_seed(0)
    side, channels = data.native_size, data.in_channels
    images = torch.randint(256, (8, channels, side, side), generator=generator, dtype=torch.uint8)
    labels = torch.arange(8) % data.num_classes
    return {split: ImageTensors(images, labels) for split in ("train", "val", "test")}


def final(base: type) -> list[type]:
    return [leaf for child in base.__subclasses__() for leaf in final(child) or [child]]


@pytest.fixture
def data_or_noise(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real images where they are; where not, noise for all that knows its classes without."""
    if DATA.is_dir():
        (in_tmp / "data").symlink_to(DATA)
    for data in final(ImageDataModule):
        load = data.load

        def load_or_noise(self: ImageDataModule, load=load) -> dict[str, Images]:
            settings = sorted((key, str(getattr(self, key, None))) for key in DECISIVE)
            known = (type(self).__name__, str(settings))
            if known not in LOADED:
                try:
                    LOADED[known] = load(self)
                except UserError:
                    LOADED[known] = synthetic(self)
            return LOADED[known]

        monkeypatch.setattr(data, "load", load_or_noise)
        monkeypatch.setattr(data, "prepare_data", lambda self: None)


def quick_flags(path: Path) -> list[str]:
    """What makes an experiment run one batch here; skip where it needs a folder of images."""
    flags = ["--data.batch_size", "4", "--trainer.fast_dev_run", "true"]
    flags += ["--trainer.accelerator", "cpu"]
    config = yaml.safe_load(path.read_text())
    data, model = config["data"]["class_path"], config["model"]["init_args"]
    if model.get("weights") == "imagenet":
        flags += ["--model.weights", "null"]
    if data in ("StanfordDogsDataModule", "TinyImageNetDataModule"):
        flags += ["--data.storage", "files", "--data.workers", "0"]
    if data in ("ImageNetDataModule", "ImageFolderDataModule"):
        if not (DATA / SAMPLE).is_dir():
            pytest.skip(f"needs images in class folders in {DATA / SAMPLE}")
        flags += ["--data.storage", "files", "--data.workers", "0", "--data.folder", SAMPLE]
    return flags


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_a_config_opens_with_its_four_facts(path: Path) -> None:
    head = [line for line in path.read_text().splitlines() if line.startswith("#")]
    facts = [line.split(":")[0].strip("# ") for line in head if line[2:3] != " "]
    assert facts == ["source", "command", "cost", "result"]
    assert f"python -m alexnet_lightning.fit --config configs/{path.name}" in "\n".join(head)
    assert not any(word in "\n".join(head) for word in ("TODO", "…"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_a_config_runs_one_batch(path: Path, data_or_noise: None) -> None:
    fit(["--config", str(path), *quick_flags(path)])


DATA_SETS = [
    ["CIFAR10DataModule"],
    ["CIFAR100DataModule"],
    ["DigitsDataModule"],
    ["StanfordDogsDataModule", "--data.largest", "5"],
    ["StanfordDogsDataModule"],
    ["TinyImageNetDataModule"],
    ["ImageNetDataModule", "--data.folder", SAMPLE],
    ["ImageFolderDataModule", "--data.folder", SAMPLE],
]


@pytest.mark.parametrize("data", DATA_SETS, ids=" ".join)
def test_another_data_set_is_one_flag(data: list[str], data_or_noise: None) -> None:
    if SAMPLE in data and not (DATA / SAMPLE).is_dir():
        pytest.skip(f"needs images in class folders in {DATA / SAMPLE}")
    config = ["--config", str(CONFIGS / "cifar_bn_small.yaml"), "--model.width", "0.05"]
    files = (
        ["--data.storage", "files"] if issubclass(getattr(sets, data[0]), FilesDataModule) else []
    )
    flags = ["--data.batch_size", "4", "--trainer.fast_dev_run", "true"]
    fit([*config, "--data", *data, *files, *flags, "--trainer.accelerator", "cpu"])


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.stem)
def test_an_overlay_lies_on_any_experiment(path: Path) -> None:
    cli = ExperimentCLI(["--config", str(CONFIGS / "digits_bn.yaml"), "--config", str(path)])
    assert cli.config.name == "digits_bn"
