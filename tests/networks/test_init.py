"""Initialization: where each scheme puts which deviation and which bias."""

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn

from alexnet_lightning.models import AlexNet
from alexnet_lightning.networks.init import Init, initialise


def deviations(scheme: Init, skip: str = "none") -> dict[str, tuple[float, float]]:
    """Weight deviation and bias of every layer of AlexNet, half as wide."""
    torch.manual_seed(0)
    network = AlexNet(10, 3, 32, stem="small", width=0.5, skip=skip).network
    initialise(network, scheme)
    return {
        name.split(".")[1]: (
            round(float(layer.weight.detach().std()), 3),
            float(layer.bias.detach().mean()) if layer.bias is not None else 0.0,
        )
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Conv2d | nn.Linear) and "projection" not in name
    }


@pytest.mark.parametrize(("scheme", "late"), [("paper", 0.01), ("code_2012", 0.03)])
@pytest.mark.parametrize("skip", ["none", "plain"])
def test_the_papers_and_the_codes(scheme: Init, late: float, skip: str) -> None:
    found = deviations(scheme, skip)
    assert {name: found[name][0] for name in ("conv2", "fc6", "fc7", "fc8")} == dict.fromkeys(
        ("conv2", "fc6", "fc7", "fc8"), 0.01
    )
    assert [found[f"conv{n}"][0] for n in (3, 4, 5)] == [late] * 3
    ones = {name for name, (_, bias) in found.items() if bias == 1.0}
    zeros = {name for name, (_, bias) in found.items() if bias == 0.0}
    assert ones == {"conv2", "conv4", "conv5", "fc6", "fc7"}
    assert zeros == {"conv1", "conv3", "fc8"}


def test_he_keeps_the_spread_and_starts_biases_at_zero() -> None:
    found = deviations("he")
    assert found["conv3"][0] == pytest.approx((2 / (128 * 9)) ** 0.5, abs=1e-3)
    assert {bias for _, bias in found.values()} == {0.0}


@pytest.mark.parametrize("choice", [{"activation": "maxout"}, {"pooling": "max_average"}, {}])
def test_lsuv_gives_every_layer_unit_variance(choice: dict[str, Any]) -> None:
    model = AlexNet(10, 1, 28, stem="small", width=0.25, norm="none", init="lsuv", **choice)
    assert model.network.training
    found: list[float] = []
    for layer in model.network.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(lambda _, __, output: found.append(output.var().item()))
    model.eval()(torch.randn(256, 1, 28, 28))
    assert len(found) == 8 and found == pytest.approx([1.0] * 8, rel=0.2)


def test_a_process_that_only_predicts_initializes_nothing() -> None:
    program = """
from alexnet_lightning.system.mode import never_trains
never_trains()
from alexnet_lightning import create_model
network = create_model("AlexNet", 10, 28, stem="small", width=0.05, init="lsuv").network
weight = network.features[0].weight
assert weight.abs().max() <= weight[0].numel() ** -0.5, "torch's own, as drawn"
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_default_leaves_what_torch_drew() -> None:
    network = AlexNet(10, 3, 32, stem="small", width=0.1).network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    initialise(network, "default")
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_identity_hands_on_what_comes_in_and_leaves_the_other_filters() -> None:
    network = AlexNet(10, 3, 32, stem="small", width=0.125).network
    before = {name: value.clone() for name, value in network.state_dict().items()}
    initialise(network, "identity")
    conv = network.features.conv2
    count = conv.in_channels
    images = torch.randn(2, count, 9, 9)
    kept = conv(images)[:, :count] - conv.bias[:count, None, None]
    assert torch.allclose(kept, images, atol=1e-5)
    changed = conv.weight != before["features.conv2.weight"]
    assert changed[:count].any() and not changed[count:].any()
    assert torch.equal(network.classifier.fc8.weight, before["classifier.fc8.weight"])
