"""export as a user runs it."""

import json
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
import yaml
from PIL import Image

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.export import export_command
from alexnet_lightning.inference.exporters import read_safetensors
from alexnet_lightning.inference.predictor import Predictor


@pytest.fixture
def run(outcome) -> Callable[..., tuple[int, str, str]]:
    """Runs the command; gives its status and what it wrote on both streams."""
    return partial(outcome, export_command)


@pytest.fixture
def copy(trained_run: Path, tmp_path: Path) -> Path:
    """A run of one's own to write into."""
    return shutil.copytree(trained_run, tmp_path / "run")


def difference(shown: str) -> float:
    (line,) = [line for line in shown.splitlines() if line.startswith("differs by")]
    return float(line.split()[2])


def test_onnx_runtime_says_the_same_of_ten_real_images(run, copy) -> None:
    from onnxruntime import InferenceSession

    status, out, _ = run(copy, "--format", "onnx", "--preprocessing")
    assert status == 0
    assert "checked on   32 test images" in out
    assert difference(out) < 1e-5
    path = copy / "exports" / "best-pixels.onnx"
    assert {file.name for file in path.parent.iterdir()} == {path.name, f"{path.name}.json"}

    images = DigitsDataModule().load()["test"][torch.arange(10)][0]
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images.numpy()})
    probabilities = torch.from_numpy(logits).softmax(1)
    expected = Predictor.load(copy).probabilities(images)
    assert torch.allclose(probabilities, expected, atol=1e-6)
    assert torch.equal(probabilities.topk(5).indices, expected.topk(5).indices)


def test_weights_where_one_wants_them(run, copy, tmp_path) -> None:
    path = tmp_path / "new" / "net.safetensors"
    status, out, _ = run(copy, "--format", "safetensors", "--checkpoint", "last", "--output", path)
    assert status == 0
    assert f"file         {path}" in out
    description = json.loads(path.with_name("net.safetensors.json").read_text())
    assert description["variant"] == "AlexNetBN"
    assert description["preprocessing"]["class_names"] == [str(n) for n in range(10)]
    again = Predictor(read_safetensors(path))
    images = torch.arange(256).repeat(3, 1).view(3, 1, 16, 16)[..., :8, :8].byte()
    assert torch.equal(
        again.probabilities(images), Predictor.load(copy, "last").probabilities(images)
    )


def test_without_the_data_set_it_is_checked_on_noise_and_says_so(run, copy) -> None:
    config = yaml.safe_load((copy / "config.yaml").read_text())
    config["data"] = {"class_path": "CIFAR10DataModule", "init_args": {"root": "nowhere"}}
    (copy / "config.yaml").write_text(yaml.safe_dump(config))
    status, out, _ = run(copy, "--format", "safetensors")
    assert status == 0
    assert "checked on   32 images of noise, for want of others (" in out
    assert not Path("nowhere").exists()


def test_weights_that_it_began_with_are_not_asked_for(run, pretrained_run, tmp_path) -> None:
    path = tmp_path / "net.safetensors"
    status, out, _ = run(pretrained_run, "--format", "safetensors", "--output", path)
    assert status == 0
    assert "checked on   32 test images" in out


def test_a_checkpoint_alone_is_checked_on_pictures_given(run, copy, tmp_path) -> None:
    alone = tmp_path / "alone" / "mine.ckpt"
    alone.parent.mkdir()
    shutil.copy(copy / "checkpoints" / "best.ckpt", alone)
    picture = tmp_path / "picture.png"
    Image.radial_gradient("L").save(picture)
    status, out, _ = run(alone, "--format", "safetensors", "--images", picture)
    assert status == 0
    assert "checked on   1 of your pictures" in out
    assert (alone.parent / "mine.safetensors").is_file()


@pytest.mark.parametrize(
    ("flags", "wanted"),
    [
        (["onnx", "-o", "net.pt2"], "--output: net.pt2 is no .onnx: --format onnx is"),
        (["safetensors", "--preprocessing"], "--preprocessing: safetensors holds weights alone"),
        (["torchvision"], "--format torchvision: its alexnet is AlexNetOWT"),
        (["onx"], "argument --format: invalid choice: 'onx'"),
        (["pt2", "--images", "nowhere.png"], "cannot open nowhere.png"),
        (["pt2", "--checkpoint", "beste"], "--checkpoint: no file beste"),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(flags, wanted, run, copy) -> None:
    status, out, err = run(copy, "--format", *flags)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {wanted}")
    assert err.count("\n") == 1
    assert not (copy / "exports").exists()


def test_a_place_that_cannot_be_written_to(run, copy, tmp_path) -> None:
    (tmp_path / "file").touch()
    target = tmp_path / "file" / "net.safetensors"
    status, _, err = run(copy, "--format", "safetensors", "-o", target)
    assert status == 2
    assert f"error: --output: {target} cannot be written" in err.splitlines()[-1]
