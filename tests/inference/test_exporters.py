"""An exported file of every variant computes the same as the network, or is refused in a line."""

import json

import pytest
import torch
from torch import nn

from alexnet_lightning import models
from alexnet_lightning.inference import exporters
from alexnet_lightning.inference.choices import SUFFIX
from alexnet_lightning.inference.exporters import beside, read, read_safetensors, write_checked
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.system.errors import UserError
from tests.models.test_models import VARIANTS, build

LOGIT = 3.0  # the largest
# Of a logit, from float32's rounding in another order of sums. For most variants it is under 1e-5;
# DoubleConvBNAlexNet's last batch norms, over 1 × 1 maps, enlarge it.
CLOSE = 5e-5
FORMS = [("onnx", True), ("pt2", False)]
OTHERS = [("onnx", False, models.FourLayerNet), ("pt2", True, models.FourLayerNet)]
# The second has towers, both norms of 2012, and maps that are padded on one side.
QUICK = [("onnx", True, models.FourLayerNet), ("pt2", False, models.AlexNet2012)]
GRAPHS = [
    pytest.param(*case, marks=() if case in QUICK else pytest.mark.slow)
    for case in [*((*form, kind) for kind in VARIANTS for form in FORMS), *OTHERS]
]


@pytest.fixture
def predictor_of(checkpoint_of):
    """Makes the predictor of a variant in its small form, with logits worth comparing."""

    def make(kind, **arguments) -> Predictor:
        model = build(kind, init="he", **arguments)
        size = model.hparams.image_size + 8
        predictor = Predictor(checkpoint_of(model, size=size, resize=size))
        inputs = predictor.inputs(smooth(size=size))[:, 0]
        for layer in predictor.model.modules():
            if isinstance(layer, nn.BatchNorm2d):
                layer.momentum = None  # the statistics of one pass are those of evaluation
        last = [layer for layer in predictor.model.modules() if isinstance(layer, nn.Linear)][-1]
        with torch.no_grad():
            predictor.model.train()(inputs)
            last.weight /= predictor.model.eval()(inputs).abs().max() / LOGIT
        return predictor

    return make


def smooth(count: int = 16, size: int = 40) -> torch.Tensor:
    """Smooth images, as photographs are."""
    noise = torch.randn(count, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    enlarged = nn.functional.interpolate(noise, size=size, mode="bilinear")
    return (128 + 64 * enlarged).clamp(0, 255).byte()


def round_trip(kind: str, predictor: Predictor, preprocessing: bool, folder) -> None:
    path = folder / f"net{SUFFIX[kind]}"
    images = smooth()
    found = write_checked(kind, predictor, preprocessing, path, images)
    assert found.difference < CLOSE
    assert found.largest == pytest.approx(LOGIT, rel=0.1)
    assert sorted(file.name for file in folder.iterdir()) == [path.name, beside(path).name]

    inputs = predictor.inputs(images)[:, 0].contiguous()
    given = images if preprocessing else inputs
    with torch.no_grad():
        logits = read(kind, path, beside(path), type(predictor.model))(given)
    expected = predictor.probabilities(images)
    assert torch.allclose(logits.softmax(1), expected, atol=CLOSE)
    assert expected.std(dim=0).max() > 1e-3, "similar outputs for all images would hide errors"
    assert torch.equal(logits.topk(5).indices, expected.topk(5).indices)
    description = json.loads(beside(path).read_text())
    assert description["input"]["shape"] == ["N", *given.shape[1:]]
    assert description["input"]["dtype"] == str(given.dtype).removeprefix("torch.")
    assert description["output"]["shape"] == ["N", logits.shape[1]]
    assert description["preprocessing"]["class_names"] == predictor.class_names


@pytest.mark.parametrize(("form", "preprocessing", "kind"), GRAPHS)
def test_graphs_of_every_variant(form, preprocessing, kind, predictor_of, tmp_path) -> None:
    round_trip(form, predictor_of(kind), preprocessing, tmp_path)


@pytest.mark.parametrize("kind", VARIANTS, ids=lambda kind: kind.__name__)
def test_safetensors_of_every_variant(kind, predictor_of, tmp_path) -> None:
    predictor = predictor_of(kind)
    round_trip("safetensors", predictor, False, tmp_path)
    again = Predictor(read_safetensors(tmp_path / "net.safetensors"))
    assert again.class_names == predictor.class_names
    images = smooth()
    assert torch.equal(again.probabilities(images), predictor.probabilities(images))


def test_a_mean_image_survives_safetensors(checkpoint_of, tmp_path) -> None:
    model = build(models.FourLayerNet)
    predictor = Predictor(checkpoint_of(model, mean=torch.rand(3, 32, 32)))
    write_checked("safetensors", predictor, False, tmp_path / "net.safetensors", smooth(size=32))
    again = Predictor(read_safetensors(tmp_path / "net.safetensors"))
    assert torch.equal(again.preprocessing.mean, predictor.preprocessing.mean)


@pytest.mark.slow
def test_torchvision_loads_the_weights(predictor_of, tmp_path) -> None:
    predictor = predictor_of(models.AlexNetOWT, stem="imagenet", width=1.0, image_size=64)
    exporters.check("torchvision", predictor)
    found = write_checked("torchvision", predictor, False, tmp_path / "net.pth", smooth(4, 72))
    assert found.difference < CLOSE


@pytest.mark.parametrize(
    ("kind", "arguments"),
    [
        (models.AlexNetBN, {}),
        (models.AlexNetOWT, {}),
        (models.AlexNetOWT, {"stem": "imagenet", "image_size": 64, "width": 0.1}),
    ],
)
def test_other_networks_are_not_written_as_torchvisions(kind, arguments, predictor_of) -> None:
    with pytest.raises(UserError, match="its alexnet is AlexNetOWT with stem imagenet") as error:
        exporters.check("torchvision", predictor_of(kind, **arguments))
    assert kind.__name__ in str(error.value)
    assert "\n" not in str(error.value)


class DataDependent(nn.Module):
    """A network whose computation depends on the values, which no graph can express."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        rows = images.flatten(1)[:, :7]
        return rows if images.sum() > 0 else -rows


@pytest.mark.parametrize("form", [pytest.param("onnx", marks=pytest.mark.slow), "pt2"])
def test_a_network_that_cannot_be_traced_is_refused_in_one_line(
    form, predictor_of, tmp_path
) -> None:
    predictor = predictor_of(models.FourLayerNet)
    predictor.model.network = DataDependent()
    with pytest.raises(UserError, match=f"--format {form}: FourLayerNet cannot be exported") as e:
        write_checked(form, predictor, False, tmp_path / f"net{SUFFIX[form]}", smooth())
    assert "\n" not in str(e.value)
    assert len(str(e.value)) < 300
    assert not list(tmp_path.iterdir())


def test_a_file_that_computes_something_else_is_not_kept(
    predictor_of, tmp_path, monkeypatch
) -> None:
    predictor = predictor_of(models.FourLayerNet)
    path = tmp_path / "net.safetensors"
    path.write_text("an earlier export")
    write = exporters.write
    for spoil in (lambda t: t.add_(0.01), lambda t: t.fill_(torch.nan)):

        def spoilt(kind, given, *rest, spoil=spoil) -> None:
            state = {name: weight.clone() for name, weight in given.model.state_dict().items()}
            write(kind, given, *rest)
            given.model.load_state_dict({name: spoil(weight) for name, weight in state.items()})

        monkeypatch.setattr("alexnet_lightning.inference.exporters.write", spoilt)
        with pytest.raises(UserError, match="not exported: the file's logits differ by"):
            write_checked("safetensors", predictor, False, path, smooth())
        predictor = predictor_of(models.FourLayerNet)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]
    assert path.read_text() == "an earlier export"


@pytest.mark.parametrize("form", ["onnx", "safetensors"])
def test_a_missing_package_is_named(form, predictor_of, monkeypatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name=name.partition(".")[0])

    monkeypatch.setattr(exporters, "import_module", missing)
    wanted = rf"--format {form}: needs \w+: pip install 'alexnet-lightning\[use\]'"
    with pytest.raises(UserError, match=wanted):
        exporters.check(form, predictor_of(models.FourLayerNet))
    exporters.check("pt2", predictor_of(models.FourLayerNet))
