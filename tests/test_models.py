"""What must hold of every variant, whoever adds one."""

import pytest
import torch
from torch.nn import functional as F

from alexnet_lightning import models
from alexnet_lightning.classifier import ImageClassifier

VARIANTS = sorted(
    (v for v in vars(models).values() if isinstance(v, type) and v.__module__ == models.__name__),
    key=lambda variant: variant.__name__,
)
# At 7 classes and 32 px in the small form; a new variant adds its line.
PARAMETERS = {"AlexNet": 2_339_303, "AlexNetBN": 2_339_647}


@pytest.fixture(params=VARIANTS, ids=lambda variant: variant.__name__)
def small(request: pytest.FixtureRequest) -> ImageClassifier:
    """Every variant at a size that runs in no time."""
    torch.manual_seed(0)
    return request.param(num_classes=7, in_channels=3, image_size=32, stem="small", width=0.25)


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


def test_the_last_layer_reads_the_penultimate_tap(small: ImageClassifier) -> None:
    small.eval()
    images = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        taps, logits = small.embed(images), small(images)
        assert torch.equal(small.network.classifier[-1](taps["penultimate"]), logits)
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
