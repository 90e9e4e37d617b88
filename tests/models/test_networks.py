"""Residual, double, four-layer, modern and torchvision's own: what each must be."""

import pytest
import torch
from torch import nn

from alexnet_lightning.models.alexnet import alexnet
from alexnet_lightning.models.double_conv import FINE_TUNING_1, FINE_TUNING_2, double_conv
from alexnet_lightning.models.four_layer import four_layer
from alexnet_lightning.models.modern import Size, Whitening, modern
from alexnet_lightning.models.one_weird_trick import load_weights, one_weird_trick
from alexnet_lightning.networks.inspect import receptive_field
from alexnet_lightning.networks.layers import Residual


def count(network: nn.Module) -> int:
    return sum(p.numel() for p in network.parameters())


def test_a_residual_adds_its_input() -> None:
    block = Residual(nn.Conv2d(4, 4, 3, padding=1), 4, 4, "plain")
    maps = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(maps), maps + block.mapping(maps))
    assert isinstance(block.projection, nn.Identity)


def test_a_scaled_residual_starts_without_its_branch_and_can_learn_it() -> None:
    block = Residual(nn.Conv2d(4, 6, 3, padding=1), 4, 6, "scaled")
    maps = torch.randn(2, 4, 5, 5)
    assert torch.equal(block(maps), block.projection(maps))
    block(maps).square().sum().backward()
    assert block.scale is not None
    assert block.scale.grad is not None
    assert block.scale.grad != 0


def test_skips_go_around_convolutions_two_to_five_and_change_nothing_else() -> None:
    plain, skipping = (alexnet(10, 3, 224, skip=skip) for skip in ("none", "plain"))
    blocks = {n for n, layer in skipping.features.named_children() if isinstance(layer, Residual)}
    assert blocks == {"conv2", "conv3", "conv4", "conv5"}
    projections = 96 * 256 + 256 * 384 + 384 * 256  # conv4 keeps its channels
    assert count(skipping) - count(plain) == projections
    assert [n for n, _ in plain.features.named_children()] == [
        n for n, _ in skipping.features.named_children()
    ]


def test_fine_tuning_1_has_the_write_ups_stages_and_parameters() -> None:
    network = double_conv(FINE_TUNING_1, 10, 3, 32)
    kinds = [type(layer).__name__ for layer in network.features]
    assert kinds == ["Conv2d", "ReLU", "Conv2d", "ReLU", "MaxPool2d"] * 5
    pools = [layer.kernel_size for layer in network.features if isinstance(layer, nn.MaxPool2d)]
    assert pools == [3, 2, 2, 2, 2]
    assert count(network) == 15_924_458, "about 15.9 M"


def test_fine_tuning_2_repeats_2_2_2_3_3_with_batch_norm() -> None:
    network = double_conv(FINE_TUNING_2, 10, 3, 32)
    kinds = " ".join(type(layer).__name__ for layer in network.features)
    unit = "Conv2d BatchNorm2d ReLU "
    assert kinds == " ".join(unit * n + "MaxPool2d" for n in (2, 2, 2, 3, 3))
    assert all(p.kernel_size == 3 for p in network.features if isinstance(p, nn.MaxPool2d))


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_the_four_layer_net_has_four_layers_and_one_kind_of_activation(activation: str) -> None:
    network = four_layer(10, 3, 32, activation, width=1.0)
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    assert len(layers) == 4
    kind = nn.Tanh if activation == "tanh" else nn.ReLU
    found = {type(m) for m in network.modules() if isinstance(m, nn.Tanh | nn.ReLU)}
    assert found == {kind}


@pytest.mark.parametrize(("size", "depth", "millions"), [("small", 5, 0.85), ("large", 6, 1.97)])
def test_the_modern_net_has_convolutions_and_no_hidden_layer(
    size: Size, depth: int, millions: float
) -> None:
    network = modern(10, 3, 32, 1.0, whitening=False, size=size)
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert [conv.kernel_size for conv in convs] == [(3, 3)] * depth
    assert sum(isinstance(m, nn.Linear) for m in network.modules()) == 1
    assert count(network) / 1e6 == pytest.approx(millions, abs=0.02)
    assert network(torch.zeros(2, 3, 48, 48)).shape == (2, 10), "any size"


def test_scaled_logits_learn_by_the_square_of_their_scale() -> None:
    torch.manual_seed(0)
    plain = modern(10, 3, 32, 0.1, whitening=False)
    scaled = modern(10, 3, 32, 0.1, whitening=False, logit_scale=0.5)
    scaled.load_state_dict(plain.state_dict())
    images = torch.randn(8, 3, 32, 32)
    first = plain(images)
    assert torch.allclose(scaled(images), first / 2)
    moved = []
    for network in (plain, scaled):
        before = network.eval()(images).detach()
        optimizer = torch.optim.SGD(network.classifier.parameters(), lr=0.1)
        network(images)[:, 0].sum().backward()
        optimizer.step()
        moved.append(network(images).detach() - before)
    assert torch.allclose(moved[1], moved[0] / 4, atol=1e-4)


def test_scales_of_norms_may_stay_one_beside_biases_that_learn() -> None:
    def trained(**how: bool) -> set[str]:
        named = modern(10, 3, 32, 0.1, whitening=True, **how).named_parameters()
        return {name for name, parameter in named if parameter.requires_grad}

    scales = {f"features.bn{number}.weight" for number in range(1, 6)}
    assert trained() - trained(norm_scales=False) == scales


def test_the_modern_net_takes_gelu_in_every_place_of_relu() -> None:
    torch.manual_seed(0)
    relu, gelu = (modern(10, 3, 32, 0.1, True, activation=name) for name in ("relu", "gelu"))
    kinds = [
        {type(m) for m in n.modules() if isinstance(m, nn.ReLU | nn.GELU)} for n in (relu, gelu)
    ]
    assert kinds == [{nn.ReLU}, {nn.GELU}]
    assert list(gelu.state_dict()) == list(relu.state_dict()), "one checkpoint fits both"
    assert receptive_field(gelu.features) == receptive_field(relu.features) == 35
    images = torch.randn(4, 3, 32, 32)
    whitened = gelu.features.whiten(images)
    assert whitened.min() < 0
    halves = nn.functional.conv2d(images, gelu.features.whiten.weight[:12])
    assert torch.allclose(whitened[:, :12] - whitened[:, 12:], halves, atol=1e-6), "nothing is lost"


def test_whitened_patches_are_uncorrelated_and_of_unit_variance() -> None:
    torch.manual_seed(0)
    images = torch.randn(200, 3, 8, 8)
    images = images + images.roll(1, -1) + images.mean(1, keepdim=True)  # correlated, as pictures
    stem = Whitening(3)
    stem.fit(images, floor=0.0)
    outputs = nn.functional.conv2d(images, stem.weight[:12]).transpose(0, 1).flatten(1)
    assert torch.allclose(outputs.cov(), torch.eye(12), atol=1e-3)
    assert torch.equal(stem.weight[12:], -stem.weight[:12])
    assert stem(images).shape == (200, 24, 7, 7)
    assert "weight" in stem.state_dict()


def test_torchvisions_weights_fit_and_give_torchvisions_logits() -> None:
    from torchvision.models import alexnet as reference

    torch.manual_seed(0)
    theirs, ours = reference(weights=None).eval(), one_weird_trick(1000, 3, 224).eval()
    assert count(ours) == 61_100_840
    assert list(ours.state_dict()) == list(theirs.state_dict())
    load_weights(ours, theirs.state_dict())
    images = torch.randn(2, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))


def test_the_head_is_new_where_the_weights_have_other_classes() -> None:
    donor, ours = one_weird_trick(7, 3, 224, width=0.1), one_weird_trick(5, 3, 224, width=0.1)
    head = ours.classifier[-1].weight.clone()
    load_weights(ours, donor.state_dict())
    assert torch.equal(ours.classifier[-1].weight, head)
    assert torch.equal(ours.classifier[1].weight, donor.classifier[1].weight)
    with pytest.raises(RuntimeError, match=r"features\.0\.weight"):
        load_weights(ours, {})
