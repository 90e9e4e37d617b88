"""Grad-CAM: against its formula, and on every variant."""

import sys
from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet_lightning.explanations.images import ShownImages
from alexnet_lightning.explanations.layers import coarse_cam, draw_grad_cam, grad_cam
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.models import AlexNetBN, AlexNetModern, TorchvisionClassifier
from alexnet_lightning.models.create import SMALL_FORM, accepted
from alexnet_lightning.models.table import known_variants
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.classifier import ImageClassifier

OF_TORCHVISION = ("densenet121", "squeezenet1_1", "shufflenet_v2_x0_5", "mnasnet0_5")
VARIANTS = [*known_variants(), *((TorchvisionClassifier, {"name": n}) for n in OF_TORCHVISION)]


def small(kind, arguments: dict[str, str], image_size: int = 32):
    options = {**SMALL_FORM, "width": 0.1}
    options = {key: value for key, value in options.items() if key in accepted(kind)}
    return kind(num_classes=10, in_channels=3, image_size=image_size, **options, **arguments)


def by_formula(model: ImageClassifier, images: Tensor, classes: list[int]) -> Tensor:
    network = model.network.eval()
    maps = network.features(images).detach().requires_grad_()
    logits = network.classifier(network.avgpool(maps).flatten(1))
    logits[range(len(classes)), classes].sum().backward()
    heat = F.relu((maps.grad.mean((2, 3), keepdim=True) * maps).sum(1, keepdim=True)).detach()
    heat = F.interpolate(heat, images.shape[-2:], mode="bilinear")[:, 0]
    return heat / heat.amax((1, 2), keepdim=True)


@pytest.mark.parametrize("kind", [AlexNetBN, AlexNetModern])
def test_it_is_the_formula(kind) -> None:
    torch.manual_seed(0)
    model, images = small(kind, {}), torch.randn(5, 3, 32, 32)
    classes = [0, 1, 2, 3, 9]
    found = grad_cam(model, images, torch.tensor(classes)[:, None])
    assert model.training, "its mode is kept"
    assert torch.allclose(found[:, 0], by_formula(model, images, classes), atol=1e-5)


@pytest.mark.parametrize(("kind", "arguments"), VARIANTS, ids=lambda part: str(part)[-40:])
def test_every_variant_has_a_map_of_the_image(kind, arguments) -> None:
    torch.manual_seed(0)
    model, images = small(kind, arguments), torch.randn(2, 3, 32, 32)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    network = model.network.eval()
    heat = torch.cat([coarse_cam(network, images, torch.tensor([k, k])) for k in range(10)], dim=1)
    assert heat.shape[:2] == (2, 10)
    assert heat.min() >= 0
    assert heat.any(), "no class has a map"
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert all(parameter.grad is None for parameter in model.parameters())


def test_it_points_at_what_the_class_is_made_of() -> None:
    model = small(AlexNetModern, {})
    network = model.network
    network.features = nn.Sequential(OrderedDict(conv=nn.Conv2d(3, 3, 1)))
    network.avgpool, network.classifier = nn.AdaptiveAvgPool2d(1), nn.Sequential(nn.Linear(3, 2))
    with torch.no_grad():
        network.features.conv.weight.copy_(torch.eye(3)[..., None, None])
        network.classifier[0].weight.copy_(torch.tensor([[1.0, 0, 0], [0, 0, 1]]))
        network.features.conv.bias.zero_()
    image = torch.zeros(1, 3, 8, 8)
    image[0, 0, 2, 3] = image[0, 2, 6, 7] = 1  # a red dot for class 0, a blue one for class 1
    places = [grad_cam(model, image, torch.tensor([[k]])).flatten().argmax().item() for k in (0, 1)]
    assert places == [2 * 8 + 3, 6 * 8 + 7]


def test_a_frozen_backbone_and_no_grad_do_not_matter() -> None:
    torch.manual_seed(0)
    model, images = small(AlexNetBN, {}), torch.randn(2, 3, 32, 32)
    classes = torch.tensor([[1], [2]])
    expected = grad_cam(model, images, classes)
    model.network.features.requires_grad_(False)
    with torch.no_grad():
        assert torch.equal(grad_cam(model, images, classes), expected)


def test_classes_of_an_image_share_a_scale() -> None:
    torch.manual_seed(0)
    model, images = small(AlexNetModern, {}), torch.randn(2, 3, 32, 32)
    classes = torch.tensor([[0, 1, 2], [3, 4, 5]])
    shared = grad_cam(model, images, classes)
    assert shared.shape == (2, 3, 32, 32)
    assert shared.amax((1, 2, 3)).tolist() == pytest.approx([1, 1])
    columns = classes.split(1, dim=1)
    alone = torch.cat([grad_cam(model, images, column) for column in columns], dim=1)
    peaks = shared.amax((2, 3), keepdim=True)
    assert torch.allclose(shared, alone * peaks, atol=1e-5)
    assert peaks.min() < 0.99, "the classes differ in how strongly they are raised"


def test_maps_of_one_position_are_told_and_not_drawn(trained_run) -> None:
    predictor = Predictor.load(trained_run)
    shown = ShownImages(torch.zeros(1, 1, 8, 8, dtype=torch.uint8), ["a"])
    figure = draw_grad_cam(predictor, shown)
    assert not figure.axes
    assert "ends in maps of 1 × 1" in figure.texts[-1].get_text()


def test_a_transformer_is_refused_in_a_line() -> None:
    model = TorchvisionClassifier("vit_b_32", num_classes=2, in_channels=3, image_size=32)
    with pytest.raises(UserError, match="needs maps at the end of the backbone"):
        grad_cam(model, torch.zeros(1, 3, 32, 32), torch.tensor([[0]]))


def test_without_captum_it_says_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(UserError, match=r"needs captum: pip install 'alexnet-lightning\[use\]'"):
        grad_cam(small(AlexNetModern, {}), torch.zeros(1, 3, 32, 32), torch.tensor([[0]]))
