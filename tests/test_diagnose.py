"""The recipe that fails is warned of, the cured one is not; on real images, before training."""

import sys
from pathlib import Path

import pytest
import torch
from torch.nn.functional import interpolate

from alexnet_lightning.cli.command import run_command
from alexnet_lightning.data import CIFAR10DataModule
from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.diagnose import advice, deepest, warning
from alexnet_lightning.diagnose import main as diagnose
from alexnet_lightning.networks.inspect import LayerFacts

CONFIGS = Path(__file__).parents[1] / "configs"
DATA = CONFIGS.parent / "data"
# A small net on digits, wide enough for the values of 2012.
SMALL = ["--data", "DigitsDataModule", "--model", "AlexNet", "--model.stem", "small"]
SMALL += ["--model.width", "0.5", "--model.optimizer", "SGD", "--data.std", "[1.0]"]


def recipe(init: str, pixel_max: int, *more: str) -> list[str]:
    return [*SMALL, "--model.init", init, "--data.pixel_max", str(pixel_max), *more]


def test_it_warns_of_the_papers_values_on_pixels_of_one(capsys) -> None:
    diagnose(recipe("paper", 1))
    shown = capsys.readouterr().out
    assert "warning: the images no longer reach the logits: expect chance" in shown
    assert "give data.pixel_max 255 with model.init code_2012" in shown


@pytest.mark.parametrize(("init", "pixel_max"), [("code_2012", 255), ("default", 1), ("he", 1)])
def test_it_is_quiet_on_recipes_that_learn(capsys, init: str, pixel_max: int) -> None:
    diagnose(recipe(init, pixel_max, "--strict"))
    shown = capsys.readouterr().out
    assert "warning" not in shown
    assert "the images reach classifier.fc8" in shown


def test_batch_norm_keeps_the_images_whatever_the_starting_values(capsys) -> None:
    flags = recipe("paper", 1)
    flags[flags.index("AlexNet")] = "AlexNetBN"
    diagnose(flags)
    assert "warning" not in capsys.readouterr().out


def test_a_line_a_layer_with_totals(capsys) -> None:
    diagnose(recipe("default", 1))
    lines = capsys.readouterr().out.splitlines()
    header = next(line for line in lines if line.startswith("layer "))
    assert header.split()[1:4] == ["output", "parameters", "multiply-adds"]
    assert header.split()[4:] == ["weight", "std", "deviation", "fraction"]
    names = [line.split()[0] for line in lines[lines.index(header) + 1 :] if line]
    weighted = [f"features.conv{n}" for n in range(1, 6)] + [f"classifier.fc{n}" for n in (6, 7, 8)]
    assert [name for name in names if "conv" in name or "fc" in name] == weighted
    assert "total" in names
    assert any("64 training images, pixels scaled to 0-1" in line for line in lines)


def test_status_is_one_only_when_strict(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["diagnose", *recipe("paper", 1)])
    run_command(diagnose)
    monkeypatch.setattr(sys, "argv", ["diagnose", "--strict", *recipe("paper", 1)])
    with pytest.raises(SystemExit) as stop:
        run_command(diagnose)
    assert stop.value.code == 1
    assert "expect chance" in capsys.readouterr().out


def test_a_mistake_is_one_line(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["diagnose", *recipe("papper", 1)])
    with pytest.raises(SystemExit) as stop:
        run_command(diagnose)
    assert stop.value.code == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("error: ")
    assert "papper" in errors[0]


def test_help_names_its_own_flag(capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        diagnose(["--help"])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert "--strict" in shown
    assert "alexnet_lightning.diagnose" in shown


def layer(name: str, weight_std: float, deviation: float, magnitude: float) -> LayerFacts:
    return LayerFacts(name, "Linear", (10,), 0, 0, weight_std, deviation, magnitude)


def test_a_head_that_starts_at_zero_is_passed_over() -> None:
    body, head = layer("fc7", 0.1, 0.5, 1.0), layer("fc8", 0.0, 0.0, 0.0)
    flat = LayerFacts("flat", "Flatten", (10,), 0, 0)
    assert deepest([body, flat, head]) is body


def test_an_overflow_is_called_by_its_name() -> None:
    facts = [layer("fc6", 0.1, 1.0, 1.0), layer("fc7", 0.1, torch.inf, torch.inf)]
    assert "overflow at fc7" in warning(facts, facts[-1])


@pytest.mark.parametrize(
    ("init", "pixel_max", "cure"),
    [
        ("paper", 1.0, "pixel_max 255 with model.init code_2012"),
        ("code_2012", 1.0, "pixel_max 255 with model.init code_2012"),
        ("paper", 255.0, "model.init code_2012"),
        ("code_2012", 255.0, "larger model.width"),
        ("default", 1.0, "model.init he"),
        ("he", 1.0, "batch norm"),
    ],
)
def test_advice_fits_the_recipe(init: str, pixel_max: float, cure: str) -> None:
    assert cure in advice(init, pixel_max)


OF_WRITE_UP_3 = pytest.mark.parametrize(
    ("name", "warns"), [("cifar_paper_init", True), ("cifar_2012_init_255", False)]
)


def warned(config: str, capsys) -> bool:
    diagnose(["--config", str(CONFIGS / f"{config}.yaml"), "--data.root", str(DATA)])
    return "expect chance" in capsys.readouterr().out


@OF_WRITE_UP_3
def test_the_configs_of_write_up_3(name: str, warns: bool, capsys, monkeypatch) -> None:
    """The failing recipe and the cured one, on images as smooth as photographs."""
    noise = torch.randn(8, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    images = (128 + 64 * interpolate(noise, size=32, mode="bilinear")).clamp(0, 255).byte()
    split = ImageTensors(images, torch.arange(8))
    monkeypatch.setattr(CIFAR10DataModule, "load", lambda self: {"train": split})
    monkeypatch.setattr(CIFAR10DataModule, "prepare_data", lambda self: None)
    assert warned(name, capsys) == warns


@pytest.mark.slow
@OF_WRITE_UP_3
def test_the_configs_of_write_up_3_on_real_images(name: str, warns: bool, capsys) -> None:
    if not (DATA / "cifar10").is_dir():
        pytest.skip(f"needs the real CIFAR-10 in {DATA / 'cifar10'}")
    assert warned(name, capsys) == warns
