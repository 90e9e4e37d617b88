"""export as a user runs it."""

import json
import shutil
from collections.abc import Callable
from functools import partial

import pytest
import torch
from PIL import Image

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.export import export, main
from alexnet_lightning.inference.exporters import read_safetensors
from alexnet_lightning.inference.predictor import Predictor


@pytest.fixture
def run(outcome) -> Callable[..., tuple[int, str, str]]:
    """Runs the command; gives its status and what it wrote on both streams."""
    return partial(outcome, main)


def difference(shown: str) -> float:
    (line,) = [line for line in shown.splitlines() if line.startswith("differs by")]
    return float(line.split()[2])


def test_onnx_runtime_predicts_the_same_for_ten_real_images(run, own_run) -> None:
    from onnxruntime import InferenceSession

    status, out, _ = run(own_run, "--format", "onnx", "--preprocessing")
    assert status == 0
    assert "checked on   32 test images" in out
    assert difference(out) < 1e-5
    path = own_run / "exports" / "best-pixels.onnx"
    assert {file.name for file in path.parent.iterdir()} == {path.name, f"{path.name}.json"}

    images = DigitsDataModule().load()["test"][torch.arange(10)][0]
    session = InferenceSession(path, providers=["CPUExecutionProvider"])
    (logits,) = session.run(["logits"], {"images": images.numpy()})
    probabilities = torch.from_numpy(logits).softmax(1)
    expected = Predictor.load(own_run).probabilities(images)
    assert torch.allclose(probabilities, expected, atol=1e-6)
    assert torch.equal(probabilities.topk(5).indices, expected.topk(5).indices)


def test_weights_in_a_given_file(run, own_run, tmp_path) -> None:
    path = tmp_path / "new" / "net.safetensors"
    status, out, _ = run(
        own_run, "--format", "safetensors", "--checkpoint", "last", "--output", path
    )
    assert status == 0
    assert f"file         {path}" in out
    description = json.loads(path.with_name("net.safetensors.json").read_text())
    assert description["variant"] == "AlexNetBN"
    assert description["preprocessing"]["class_names"] == [str(n) for n in range(10)]
    again = Predictor(read_safetensors(path))
    images = torch.arange(256).repeat(3, 1).view(3, 1, 16, 16)[..., :8, :8].byte()
    assert torch.equal(
        again.probabilities(images), Predictor.load(own_run, "last").probabilities(images)
    )


def test_without_the_data_set_it_is_checked_on_noise(run_without_data) -> None:
    done = export(run_without_data, format="safetensors")
    assert "32 images of noise" in done.checked_on
    assert done.path == run_without_data / "exports" / "best.safetensors"
    assert done.difference < 1e-5 < done.largest_logit
    assert not (run_without_data / "nowhere").exists()


def test_pretrained_weights_are_not_needed_again(run, pretrained_run, tmp_path) -> None:
    path = tmp_path / "net.safetensors"
    status, out, _ = run(pretrained_run, "--format", "safetensors", "--output", path)
    assert status == 0
    assert "checked on   32 test images" in out


def test_a_checkpoint_alone_is_checked_on_given_images(run, own_run, tmp_path) -> None:
    alone = tmp_path / "alone" / "mine.ckpt"
    alone.parent.mkdir()
    shutil.copy(own_run / "checkpoints" / "best.ckpt", alone)
    image = tmp_path / "image.png"
    Image.radial_gradient("L").save(image)
    status, out, _ = run(alone, "--format", "safetensors", "--images", image)
    assert status == 0
    assert "checked on   1 of your images" in out
    assert (alone.parent / "mine.safetensors").is_file()


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--format", "onnx", "-o", "net.pt2"], "--output: net.pt2"),
        (["--format", "onnx", "-onet.pt2"], "--output: net.pt2"),
        (["--format", "safetensors", "--preprocessing"], "--preprocessing: "),
        (["--format", "torchvision"], "--format torchvision: "),
        (["--format", "onx"], "--format: "),
        (["--format", "pt2", "--images", "nowhere.png"], ""),
        (["--format", "pt2", "--checkpoint", "beste"], "--checkpoint: "),
        ([], ""),
    ],
)
def test_a_mistake_is_one_line_and_leaves_nothing(flags, named, run, own_run) -> None:
    status, out, err = run(own_run, *flags)
    assert (status, out) == (2, "")
    assert err.startswith(f"error: {named}")
    assert err.count("\n") == 1
    assert not (own_run / "exports").exists()


def test_a_folder_that_cannot_be_written_to(run, own_run, tmp_path) -> None:
    (tmp_path / "file").touch()
    target = tmp_path / "file" / "net.safetensors"
    status, _, err = run(own_run, "--format", "safetensors", "-o", target)
    assert status == 2
    assert f"error: --output: cannot write {target}" in err.splitlines()[-1]
