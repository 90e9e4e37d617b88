"""What must hold of every variant, whoever adds one."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from alexnet_lightning import models
from alexnet_lightning.models import AlexNet, AlexNetBN, AlexNetModern, AlexNetOWT
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.classifier import ImageClassifier
from alexnet_lightning.variants import accepted

VARIANTS = [getattr(models, name) for name in models.__all__]
# At 7 classes and 32 px in the small form; a new variant adds its line.
PARAMETERS = {
    "AlexNet": 2_339_303,
    "AlexNet2012": 2_250_983,
    "AlexNetBN": 2_339_647,
    "AlexNetBNSkip": 2_353_471,
    "AlexNetModern": 54_007,
    "AlexNetOWT": 2_259_927,
    "AlexNetSkip": 2_353_127,
    "AlexNetSkipScaled": 2_353_131,
    "DoubleConvAlexNet": 1_000_511,
    "DoubleConvBNAlexNet": 1_121_327,
    "FourLayerNet": 7_231,
    "TorchvisionClassifier": 11_172_423,
}
# At 1000 classes and 224 px, in full.
IMAGENET_PARAMETERS = {
    "AlexNet": 62_378_344,
    "AlexNet2012": 60_965_224,
    "AlexNetOWT": 61_100_840,
    "AlexNetBN": 62_379_720,
    "AlexNetSkip": 62_599_528,
    "AlexNetBNSkip": 62_600_904,
    "AlexNetSkipScaled": 62_599_532,
}


def build(variant: type[ImageClassifier], **arguments: Any) -> ImageClassifier:
    """The variant at a size that runs in no time."""
    small = {"stem": "small", "width": 0.25, "name": "resnet18", "small_stem": True}
    chosen = {name: value for name, value in small.items() if name in accepted(variant)}
    torch.manual_seed(0)
    return variant(**{"num_classes": 7, "in_channels": 3, "image_size": 32, **chosen, **arguments})


@pytest.fixture(params=VARIANTS, ids=lambda variant: variant.__name__)
def small(request: pytest.FixtureRequest) -> ImageClassifier:
    """Every variant in its small form."""
    return build(request.param)


def test_logits_are_finite_and_every_parameter_gets_a_gradient(small: ImageClassifier) -> None:
    images = torch.randn(4, 3, 32, 32)
    logits = small(images)
    assert logits.shape == (4, 7)
    assert logits.isfinite().all()
    F.cross_entropy(logits, torch.arange(4)).backward()
    for name, parameter in small.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_parameters(small: ImageClassifier) -> None:
    found = sum(parameter.numel() for parameter in small.parameters())
    assert found == PARAMETERS[type(small).__name__]


@pytest.mark.parametrize("name", IMAGENET_PARAMETERS)
def test_parameters_at_1000_classes_and_224_px(name: str) -> None:
    with torch.device("meta"):
        model = getattr(models, name)(num_classes=1000, in_channels=3, image_size=224)
    assert sum(p.numel() for p in model.parameters()) == IMAGENET_PARAMETERS[name]


def test_the_last_layer_reads_the_penultimate_tap(small: ImageClassifier) -> None:
    small.eval()
    images = torch.randn(3, 3, 32, 32)
    last = [m for m in small.modules() if isinstance(m, torch.nn.Linear)][-1]
    with torch.no_grad():
        taps, logits = small.embed(images), small(images)
        assert torch.allclose(last(taps["penultimate"]), logits, atol=1e-6)
    assert list(taps) == ["features", "penultimate"]
    assert all(rows.ndim == 2 and len(rows) == 3 for rows in taps.values())


def test_a_variant_is_final_and_says_where_it_comes_from(small: ImageClassifier) -> None:
    variant = type(small)
    assert getattr(variant, "__final__", False)
    assert variant.__bases__ == (ImageClassifier,)
    assert "Source:" in (variant.__doc__ or "")


def test_the_base_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        ImageClassifier(network=torch.nn.Identity(), num_classes=3)  # type: ignore[abstract, arg-type]


def test_a_scale_of_no_logits_is_refused() -> None:
    with pytest.raises(UserError, match=r"model.logit_scale is 0.0: give a number > 0"):
        build(AlexNetModern, logit_scale=0.0)


def test_the_ablations_build_and_differ() -> None:
    images = torch.randn(2, 3, 32, 32)
    choices: list[dict[str, Any]] = [
        {},
        {"norm": "none"},
        {"overlapping": False},
        {"towers": "joined"},
        {"towers": "apart"},
        {"activation": "tanh"},
    ]
    with torch.no_grad():
        logits = [build(AlexNet, **choice).eval()(images) for choice in choices]
    assert all(found.shape == (2, 7) for found in logits)
    assert len({round(float(found[0, 0]), 6) for found in logits}) == len(choices)


def test_pretrained_weights_come_from_a_file_and_the_trunk_can_be_frozen(tmp_path: Path) -> None:
    donor = build(AlexNetOWT, num_classes=9)
    torch.save(donor.network.state_dict(), tmp_path / "weights.pt")
    model = build(AlexNetOWT, weights=str(tmp_path / "weights.pt"), freeze_trunk=True)
    assert torch.equal(model.network.features[0].weight, donor.network.features[0].weight)
    assert model.network.classifier[-1].out_features == 7
    trained = {name for name, p in model.network.named_parameters() if p.requires_grad}
    assert trained
    assert all(name.startswith("classifier") for name in trained)


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: None, r"model.weights: cannot get .*weights.pt .*No such file"),
        (lambda path: path.write_text("words"), r"model.weights: cannot get .*weights.pt"),
        (lambda path: torch.save({}, path), r"model.weights: .*weights.pt does not fit: .*Missing"),
    ],
)
def test_weights_that_cannot_be_had_are_said_in_one_line(
    tmp_path: Path, make: Any, expected: str
) -> None:
    make(tmp_path / "weights.pt")
    with pytest.raises(UserError, match=expected) as raised:
        build(AlexNetOWT, weights=str(tmp_path / "weights.pt"))
    assert "\n" not in str(raised.value)


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiling_leaves_the_checkpoints_names() -> None:
    plain, compiled = build(AlexNetBN), build(AlexNetBN, compile=True)
    assert list(plain.state_dict()) == list(compiled.state_dict())
    assert compiled.network._compiled_call_impl is not None
