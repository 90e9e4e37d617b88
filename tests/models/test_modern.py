"""The modern variant: depth, size, and each of its options."""

import pytest
import torch
from torch import nn

from alexnet_lightning.models import AlexNetModern
from alexnet_lightning.models.modern import Size
from alexnet_lightning.networks.inspect import receptive_field
from alexnet_lightning.system.errors import UserError


@pytest.mark.parametrize(("size", "depth", "millions"), [("small", 5, 0.85), ("large", 6, 1.97)])
def test_the_modern_net_has_convolutions_and_no_hidden_layer(
    size: Size, depth: int, millions: float
) -> None:
    network = AlexNetModern(10, 3, 32, 1.0, whitening=False, size=size).network
    convs = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert [conv.kernel_size for conv in convs] == [(3, 3)] * depth
    assert sum(isinstance(m, nn.Linear) for m in network.modules()) == 1
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.02)
    assert network(torch.zeros(2, 3, 48, 48)).shape == (2, 10), "any size"


def test_scaled_logits_learn_by_the_square_of_their_scale() -> None:
    torch.manual_seed(0)
    plain = AlexNetModern(10, 3, 32, 0.1, whitening=False).network
    scaled = AlexNetModern(10, 3, 32, 0.1, whitening=False, logit_scale=0.5).network
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
        named = AlexNetModern(10, 3, 32, 0.1, whitening=True, **how).network.named_parameters()
        return {name for name, parameter in named if parameter.requires_grad}

    scales = {f"features.bn{number}.weight" for number in range(1, 6)}
    assert trained() - trained(norm_scales=False) == scales


def test_the_modern_net_takes_gelu_wherever_relu_was() -> None:
    torch.manual_seed(0)
    models = [AlexNetModern(10, 3, 32, 0.1, True, activation=name) for name in ("relu", "gelu")]
    relu, gelu = (model.network for model in models)
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


def test_a_scale_of_zero_is_refused() -> None:
    with pytest.raises(UserError, match=r"model.logit_scale is 0.0: give a number > 0"):
        AlexNetModern(7, 3, 32, logit_scale=0.0)
