"""What holds for every variant; a new one adds its parameter counts."""

import shutil
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from alexnet_lightning import models
from alexnet_lightning.models import AlexNetBN
from alexnet_lightning.models.create import accepted
from alexnet_lightning.training.classifier import ImageClassifier

VARIANTS = [getattr(models, name) for name in models.__all__]
# At 7 classes and 32 px in the small form.
PARAMETERS = {
    "Airbench94": 126_904,
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
    "FourLayerNet": 9_663,
    "LocalNet": 122_839,
    "ThreeConvNet": 7_231,
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
    """The variant at a size that runs quickly."""
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
        if not parameter.requires_grad:  # as Airbench94's whitening
            continue
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


def test_every_network_follows_the_protocol(small: ImageClassifier) -> None:
    network, images = small.network.eval(), torch.randn(3, 3, 32, 32)
    last = [m for m in small.modules() if isinstance(m, torch.nn.Linear)][-1]
    with torch.no_grad():
        features, logits = network.forward_features(images), small(images)
        embeddings = small.embed(images)
        assert torch.equal(network.forward_head(features), logits)
        assert torch.equal(last(embeddings["penultimate"]), logits)
    assert list(embeddings) == ["features", "penultimate"]
    assert torch.equal(embeddings["features"], features.flatten(1))
    assert all(rows.ndim == 2 and len(rows) == 3 for rows in embeddings.values())


def test_the_base_is_abstract() -> None:
    with pytest.raises(TypeError, match="abstract"):
        ImageClassifier(network=torch.nn.Identity(), num_classes=3)  # type: ignore[abstract, arg-type]


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiling_leaves_the_checkpoints_names() -> None:
    plain, compiled = build(AlexNetBN), build(AlexNetBN, compile=True)
    assert list(plain.state_dict()) == list(compiled.state_dict())
    assert compiled.network._compiled_call_impl is not None
