"""A Predictor equals the test, and never lets a checkpoint choose what code runs."""

import json
import pickle
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from PIL import Image

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.data.transforms.resizing import ResizeCropFlip
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.models import AlexNetBN
from alexnet_lightning.system.errors import UserError


class Spy:
    """A pickle that makes a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.fixture
def small() -> AlexNetBN:
    torch.manual_seed(0)
    shape = {"num_classes": 7, "in_channels": 3, "image_size": 8}
    return AlexNetBN(**shape, stem="small", width=0.05, init="he")


def one_line(error: pytest.ExceptionInfo[UserError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_it_reproduces_the_test(trained_run, digits) -> None:
    images, labels = digits
    probabilities = Predictor.load(trained_run).probabilities(images)
    assert probabilities.shape == (300, 10)
    assert torch.allclose(probabilities.sum(dim=1), torch.ones(300), atol=1e-6)
    hits = probabilities.topk(5).indices == labels[:, None]
    summary = json.loads((trained_run / "summary.json").read_text())
    assert hits[:, 0].float().mean().item() == pytest.approx(summary["test/top1"], abs=1e-7)
    assert hits.any(dim=1).float().mean().item() == pytest.approx(summary["test/top5"], abs=1e-7)
    loss = torch.nn.functional.nll_loss(probabilities.log(), labels).item()
    assert loss == pytest.approx(summary["test/loss"], abs=1e-5)


def test_it_needs_no_trainer_data_set_or_configuration(
    trained_run, digits, digit_files, tmp_path, monkeypatch
) -> None:
    alone = shutil.copy(trained_run / "checkpoints" / "best.ckpt", tmp_path / "mine.ckpt")
    monkeypatch.setattr(DigitsDataModule, "load", None)
    predictor = Predictor.load(Path(alone))
    of_files = predictor.predict(digit_files, k=3)
    of_bytes = predictor.predict([path.read_bytes() for path in digit_files], k=3)
    of_tensors = predictor.top(digits[0][:10], k=3)
    for a, b, c in zip(of_files, of_bytes, of_tensors, strict=True):
        assert a == b == c
        assert len(a.classes) == 3
        assert a.probabilities == sorted(a.probabilities, reverse=True)


def test_more_classes_than_there_are_is_all_of_them(trained_run, digits) -> None:
    (said,) = Predictor.load(trained_run).top(digits[0][:1], k=99)
    assert sorted(said.classes) == [str(digit) for digit in range(10)]


def test_embeddings_are_the_networks_own(trained_run, digits) -> None:
    predictor = Predictor.load(trained_run)
    rows = predictor.embed(digits[0][:4])
    with torch.inference_mode():
        logits = predictor.model.network.classifier[-1](rows["penultimate"])
    assert torch.allclose(logits.softmax(1), predictor.probabilities(digits[0][:4]), atol=1e-6)


def test_views_are_averaged(small, checkpoint_of) -> None:
    checkpoint = checkpoint_of(small, size=12, resize=10)
    torch.manual_seed(0)
    images = torch.randint(256, (5, 3, 12, 12)).byte()
    centre, flip, ten = (Predictor(checkpoint, views) for views in ("centre", "flip", "ten"))
    mirrored = images.flip(-1)
    expected = (centre.probabilities(images) + centre.probabilities(mirrored)) / 2
    assert torch.allclose(flip.probabilities(images), expected, atol=1e-6)

    windows = ResizeCropFlip(10, 8).views(images, "ten")
    assert windows.shape[1] == 10
    alone = Predictor(checkpoint_of(small))
    expected = torch.stack([alone.probabilities(view) for view in windows.unbind(1)]).mean(0)
    assert torch.allclose(ten.probabilities(images), expected, atol=1e-6)
    assert not torch.allclose(ten.probabilities(images), flip.probabilities(images), atol=1e-4)


def test_ten_views_of_a_whole_image_are_refused(small, checkpoint_of) -> None:
    with pytest.raises(UserError, match="--views: this network sees the whole image"):
        Predictor(checkpoint_of(small), "ten")


def test_a_harmful_pickle_is_refused_without_running(trained_run, tmp_path) -> None:
    good = torch.load(trained_run / "checkpoints" / "best.ckpt", weights_only=True)
    mark, path = tmp_path / "it ran", tmp_path / "evil.ckpt"
    for evil in ({**good, "state_dict": Spy(mark)}, {**good, "extra": Spy(mark)}):
        path.write_bytes(pickle.dumps(evil))
        with pytest.raises(UserError, match="is no checkpoint of this project"):
            Predictor.load(path)
        torch.save(evil, path)
        with pytest.raises(UserError, match="is no checkpoint of this project") as error:
            Predictor.load(path)
        assert str(path) in one_line(error)
    assert not mark.exists()
    torch.load(path, weights_only=False)
    assert mark.exists(), "otherwise the test proves nothing"


def test_a_class_that_is_no_variant_is_refused_without_import(
    small, checkpoint_of, tmp_path, monkeypatch
) -> None:
    (tmp_path / "evil_models.py").write_text("raise SystemExit('it was imported')")
    monkeypatch.syspath_prepend(tmp_path)
    for key in ("variant", "class_path"):
        checkpoint = {**checkpoint_of(small), key: "evil_models.Evil"}
        if key == "class_path":
            del checkpoint["variant"]
        with pytest.raises(UserError, match="of Evil, which is no variant") as error:
            Predictor(checkpoint)
        one_line(error)
    assert "evil_models" not in sys.modules


@pytest.mark.parametrize("key", ["preprocessing", "variant", "hyper_parameters"])
def test_a_checkpoint_of_an_earlier_version_is_refused(key, small, checkpoint_of) -> None:
    checkpoint = checkpoint_of(small)
    del checkpoint[key]
    with pytest.raises(UserError, match=f"has no {key}.*train again") as error:
        Predictor(checkpoint)
    one_line(error)


def test_what_does_not_fit_the_class_is_one_line(small, checkpoint_of) -> None:
    checkpoint = checkpoint_of(small)
    for change in ({"width": 0.1}, {"depth": 3}):
        arguments = {**checkpoint["hyper_parameters"], **change}
        with pytest.raises(UserError, match="does not fit") as error:
            Predictor({**checkpoint, "hyper_parameters": arguments})
        one_line(error)


def test_a_compiled_run_is_predicted_without_compiling(small, checkpoint_of) -> None:
    checkpoint = checkpoint_of(small)
    checkpoint["hyper_parameters"]["compile"] = True
    predictor = Predictor(checkpoint)
    assert predictor.model.network._compiled_call_impl is None
    assert predictor.probabilities(torch.zeros(1, 3, 8, 8, dtype=torch.uint8)).shape == (1, 7)


def test_an_image_comes_from_anywhere(small, checkpoint_of, tmp_path) -> None:
    predictor = Predictor(checkpoint_of(small))
    pixels = torch.randint(256, (2, 3, 8, 8), generator=torch.Generator().manual_seed(0)).byte()
    array = pixels.permute(0, 2, 3, 1).numpy()
    path = tmp_path / "a.png"
    picture = Image.fromarray(array[0])
    picture.save(path)
    (expected,) = predictor.top(pixels[:1])
    for one in (str(path), path, path.read_bytes(), picture, array[0], pixels[0]):
        assert predictor.predict(one) == predictor.predict([one]) == [expected], type(one)
    assert picture.getpixel((0, 0)), "the caller's image stays open"
    both = predictor.top(pixels)
    for several in (array, pixels, [array[0], pixels[1]], (path, array[1])):
        assert predictor.predict(several) == both, type(several)
    assert predictor.predict([]) == []


@pytest.mark.parametrize("other", [torch.zeros(3, 8, 8), np.zeros((8, 8, 4), np.uint8), [3]])
def test_what_is_no_image_is_refused_in_a_line(other, small, checkpoint_of) -> None:
    with pytest.raises(UserError, match=r"uint8|no path") as error:
        Predictor(checkpoint_of(small)).predict(other)
    one_line(error)


@pytest.mark.parametrize("views", ["centre", "flip"])
def test_a_trainer_predicts_the_same(views, small, checkpoint_of) -> None:
    data = DigitsDataModule(batch_size=150, views=views)
    checkpoint = checkpoint_of(AlexNetBN(10, 1, 8, stem="small", width=0.05))
    data.setup()
    checkpoint["preprocessing"] = data.preprocessing()
    model = Predictor(checkpoint).model
    trainer = Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False
    )
    found = torch.cat(trainer.predict(model, datamodule=data))
    images, _ = data.splits["test"][range(300)]
    assert torch.allclose(found, Predictor(checkpoint, views).probabilities(images), atol=1e-6)


def test_views_that_do_not_exist_are_refused(checkpoint_of) -> None:
    checkpoint = checkpoint_of(AlexNetBN(10, 3, 8, stem="small", width=0.05))
    with pytest.raises(UserError, match="views is tens: give one of centre, flip, six, ten"):
        Predictor(checkpoint, "tens")
