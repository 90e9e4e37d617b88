"""Models of torchvision: torchvision's own logits, and the protocol."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

from alexnet_lightning.models.torchvision import TorchvisionNet

# Name, and an image size that is quick and that every stage survives.
MODELS = [
    ("resnet18", 32),
    ("mobilenet_v3_small", 32),
    ("efficientnet_b0", 32),
    ("googlenet", 32),
    ("densenet121", 32),
    ("shufflenet_v2_x0_5", 32),
    ("squeezenet1_1", 32),
]


@pytest.fixture(params=MODELS, ids=lambda model: model[0], scope="module")
def case(request: pytest.FixtureRequest) -> tuple[str, TorchvisionNet, torch.Tensor]:
    """A name, the network, and images in the layout that the classifier trains in."""
    name, size = request.param
    torch.manual_seed(0)
    network = TorchvisionNet(name, num_classes=7, image_size=size)
    images = torch.randn(4, 3, size, size).to(memory_format=torch.channels_last)
    return name, network.to(memory_format=torch.channels_last), images


def test_logits_are_torchvisions_own(case: tuple[str, TorchvisionNet, torch.Tensor]) -> None:
    name, network, images = case
    auxiliary = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    theirs = torchvision.models.get_model(name, weights=None, num_classes=7, **auxiliary)
    theirs.load_state_dict(network.model.state_dict())
    with torch.no_grad():
        expected = theirs.eval()(images)
        assert torch.allclose(network.eval()(images), expected, rtol=1e-4, atol=1e-6)


def test_a_step_reaches_every_parameter(case: tuple[str, TorchvisionNet, torch.Tensor]) -> None:
    _, network, images = case
    logits = network.train()(images)
    assert logits.shape == (4, 7)
    assert logits.isfinite().all()
    F.cross_entropy(logits, torch.arange(4)).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_the_protocol_gives_torchvisions_logits(
    case: tuple[str, TorchvisionNet, torch.Tensor],
) -> None:
    _, network, images = case
    network.eval()
    last = network.model.get_submodule(network.head_name)
    with torch.no_grad():
        features, logits = network.forward_features(images), network(images)
        kept = features.clone()
        assert torch.equal(network.forward_head(features), logits)
        assert torch.equal(features, kept), "DenseNet works in place"
        embeddings, again = network.embed(images), network.embed(images.contiguous())
    assert list(embeddings) == ["features", "penultimate"]
    assert all(rows.ndim == 2 and len(rows) == 4 for rows in embeddings.values())
    # By value and in the order (channel, row, column), whatever the memory format.
    assert torch.allclose(embeddings["features"], again["features"], rtol=1e-3, atol=1e-4)
    if isinstance(last, nn.Linear):
        assert torch.equal(last(embeddings["penultimate"]), logits)
    else:
        assert embeddings["penultimate"].shape == (4, last.in_channels), "SqueezeNet"
    assert not any(layer._forward_hooks for layer in network.modules())


@pytest.mark.parametrize("name", ["vit_b_32", "swin_t", "convnext_tiny", "regnet_y_400mf"])
def test_the_protocol_holds_for_other_designs(name: str) -> None:
    torch.manual_seed(0)
    network, images = TorchvisionNet(name, 7, image_size=64).eval(), torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        logits, penultimate = network(images), network.embed(images)["penultimate"]
        assert torch.equal(network.forward_head(network.forward_features(images)), logits)
        assert torch.equal(network.model.get_submodule(network.head_name)(penultimate), logits)


def test_the_head_passes_gradients_to_its_own_weights() -> None:
    network = TorchvisionNet("resnet18", 7, image_size=32)
    network.forward_head(torch.randn(2, 512, 1, 1)).sum().backward()
    assert {name for name, p in network.named_parameters() if p.grad is not None} == {
        "model.fc.weight",
        "model.fc.bias",
    }


def test_features_are_what_the_global_pooling_reads() -> None:
    network = TorchvisionNet("resnet18", 10, image_size=64).eval()
    with torch.no_grad():
        embeddings = network.embed(torch.randn(2, 3, 64, 64))
    maps = embeddings["features"].view(2, 512, 2, 2)
    assert torch.allclose(maps.mean((2, 3)), embeddings["penultimate"], atol=1e-6)


def test_the_small_stem_of_a_resnet_keeps_the_whole_image() -> None:
    network = TorchvisionNet("resnet18", 10, in_channels=1, image_size=32, small_stem=True)
    first = network.model.conv1
    assert (first.in_channels, first.out_channels) == (1, 64)
    assert (first.kernel_size, first.stride, first.padding) == ((3, 3), (1, 1), (1, 1))
    assert isinstance(network.model.maxpool, nn.Identity)
    with torch.no_grad():
        embeddings = network.eval().embed(torch.randn(2, 1, 32, 32))
    assert embeddings["features"].shape == (2, 512 * 4 * 4)
    # He's law, fan out: what torchvision starts the other convolutions of a ResNet from.
    assert float(first.weight.detach().std()) == pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.1)


def test_only_a_pool_that_directly_follows_the_stem_is_left_out() -> None:
    pools = {
        name: [key for key, layer in small(name).named_modules() if isinstance(layer, nn.MaxPool2d)]
        for name in ("densenet121", "mobilenet_v3_small", "googlenet")
    }
    assert pools["densenet121"] == pools["mobilenet_v3_small"] == []
    assert "model.maxpool1" not in pools["googlenet"]
    assert "model.maxpool2" in pools["googlenet"]


def small(name: str) -> TorchvisionNet:
    with torch.device("meta"):  # no weights are drawn: only the layers are looked at
        return TorchvisionNet(name, 10, image_size=32, small_stem=True)


def test_other_channels_change_nothing_but_the_first_layer() -> None:
    grey, colour = TorchvisionNet("resnet18", 10, in_channels=1), TorchvisionNet("resnet18", 10)
    kept = {key: value.shape for key, value in grey.state_dict().items()}
    expected = {key: value.shape for key, value in colour.state_dict().items()}
    assert kept.pop("model.conv1.weight") == (64, 1, 7, 7)
    assert expected.pop("model.conv1.weight") == (64, 3, 7, 7)
    assert kept == expected


@pytest.mark.parametrize(
    ("name", "size", "small_stem", "message"),
    [
        ("resnet81", 32, False, "no classification model named resnet81; it has resnet18"),
        ("fcn_resnet50", 32, False, "no classification model named fcn_resnet50"),
        ("vit_b_16", 32, True, "vit_b_16 begins by cutting the image into patches of 16 px"),
        ("convnext_tiny", 32, True, "convnext_tiny begins by cutting the image into patches of 4"),
        ("vgg11", 32, True, "the first layer of vgg11 has stride 1 already"),
        ("vit_b_16", 30, False, "vit_b_16 cannot take images of 30 px"),
        ("maxvit_t", 32, False, "maxvit_t cannot take images of 32 px"),
        ("alexnet", 32, False, "alexnet cannot take images of 32 px"),
    ],
)
def test_what_cannot_be_built_is_said(name: str, size: int, small_stem: bool, message: str) -> None:
    with torch.device("meta"), pytest.raises(ValueError, match=message) as error:
        TorchvisionNet(name, 10, image_size=size, small_stem=small_stem)
    assert error.value.__context__ is None, "the commands would print that one"
