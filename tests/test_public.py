"""The library as others import it: names, models by name, commands as functions."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import alexnet_lightning
from alexnet_lightning import create_model, list_models


def python(code: str) -> str:
    """What a new process prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_package_loads_nothing_slow_and_its_names_are_functions_and_classes() -> None:
    code = (
        "import sys, alexnet_lightning as a; print('torch' in sys.modules, 'numpy' in sys.modules)"
    )
    assert python(code) == "False False"


@pytest.mark.parametrize("name", alexnet_lightning.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(alexnet_lightning, name).__name__ == name


def test_a_command_is_the_function_also_after_its_module_was_imported() -> None:
    import alexnet_lightning.evaluate
    from alexnet_lightning import evaluate, fit

    assert callable(alexnet_lightning.evaluate)
    assert alexnet_lightning.evaluate is evaluate
    assert callable(fit)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'AlexNt'"):
        _ = alexnet_lightning.AlexNt


@pytest.mark.parametrize("name", list_models())
@pytest.mark.parametrize("size", [32, 224])
def test_a_model_is_made_by_its_name(name: str, size: int) -> None:
    arguments = {"name": "resnet18"} if name == "TorchvisionClassifier" else {}
    with torch.device("meta"):
        model = create_model(name, num_classes=7, image_size=size, **arguments)
    assert type(model).__name__ == name


def test_a_model_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="no variant is named AlexNt; there are Airbench94"):
        create_model("AlexNt")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_classes": 0}, "num_classes is 0: give a whole number >= 2"),
        ({"num_classes": 2.5}, "num_classes is 2.5: give a whole number >= 2"),
        ({"in_channels": 0}, "in_channels is 0: give a whole number >= 1"),
        ({"image_size": -1}, "image_size is -1: give a whole number >= 1"),
        ({"widht": 0.5}, r"widht: no such argument of AlexNetBN; did you mean width\?"),
        ({"foo": 3}, "foo: no such argument of AlexNetBN; see help"),
    ],
)
def test_an_argument_that_cannot_be_meant_is_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        create_model("AlexNetBN", **arguments)


def test_fit_and_evaluate_are_functions(
    quick_config: Path, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alexnet_lightning import evaluate, fit

    monkeypatch.setenv("WANDB_MODE", "disabled")
    figures = fit(quick_config, {"trainer.max_epochs": 1})
    assert figures["epochs"] == 1
    assert evaluate("latest")["test/loss"] == figures["test/loss"]
    again = fit(resume=figures["run"], overrides={"trainer.max_epochs": 2})
    assert (again["epochs"], again["run"]) == (2, figures["run"])
