"""Every file in configs/: its four facts, and that it runs."""

from pathlib import Path

import pytest
import torch

from alexnet_lightning.cli import ExperimentCLI
from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.errors import UserError
from alexnet_lightning.fit import fit

CONFIGS = Path(__file__).parents[1] / "configs"
EXPERIMENTS = sorted(CONFIGS.glob("*.yaml"))
OVERLAYS = sorted(CONFIGS.glob("overlays/*.yaml"))
DATA = CONFIGS.parent / "data"


def synthetic(data: ImageDataModule) -> dict[str, ImageTensors]:
    """Images of the right shape and all classes, eight a split."""
    generator = torch.Generator().manual_seed(0)
    side, channels = data.native_size, data.in_channels
    images = torch.randint(256, (8, channels, side, side), generator=generator, dtype=torch.uint8)
    labels = torch.arange(8) % data.num_classes
    return {split: ImageTensors(images, labels) for split in ("train", "val", "test")}


@pytest.fixture
def data_or_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let each data set answer with noise where its images are missing."""
    for data in ImageDataModule.__subclasses__():
        load = data.load

        def load_or_noise(self: ImageDataModule, load=load) -> dict[str, ImageTensors]:
            try:
                return load(self)
            except UserError:
                return synthetic(self)

        monkeypatch.setattr(data, "load", load_or_noise)
        monkeypatch.setattr(data, "prepare_data", lambda self: None)


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_a_config_opens_with_its_four_facts(path: Path) -> None:
    head = [line for line in path.read_text().splitlines() if line.startswith("#")]
    facts = [line.split(":")[0].strip("# ") for line in head if line[2:3] != " "]
    assert facts == ["source", "command", "cost", "result"]
    assert f"python -m alexnet_lightning.fit --config configs/{path.name}" in "\n".join(head)
    assert not any(word in "\n".join(head) for word in ("TODO", "…"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_a_config_runs_one_batch(
    path: Path, data_or_noise: None, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if DATA.is_dir():
        (in_tmp / "data").symlink_to(DATA)
    flags = ["--trainer.fast_dev_run", "true", "--trainer.accelerator", "cpu"]
    fit(["--config", str(path), "--data.batch_size", "4", *flags])


@pytest.mark.parametrize("path", OVERLAYS, ids=lambda path: path.stem)
def test_an_overlay_lies_on_any_experiment(path: Path) -> None:
    cli = ExperimentCLI(["--config", str(CONFIGS / "digits_bn.yaml"), "--config", str(path)])
    assert cli.config.name == "digits_bn"
