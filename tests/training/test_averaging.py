"""The moving average that counts in Python has the numbers of torch's."""

from collections.abc import Callable
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch.callbacks import EMAWeightAveraging, WeightAveraging
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn

from alexnet_lightning.training.averaging import count_on_host


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())


def averaged(network: nn.Module, **options: Any) -> AveragedModel:
    return AveragedModel(network, **{"avg_fn": get_ema_avg_fn(0.9), "use_buffers": True, **options})


def settled(average: AveragedModel) -> AveragedModel:
    callback = EMAWeightAveraging(decay=0.9)
    callback._average_model = average
    count_on_host(SimpleNamespace(callbacks=[callback]))  # type: ignore[arg-type]
    return average


@pytest.mark.parametrize("before", [0, 3], ids=["from the start", "resumed"])
def test_weights_and_buffers_are_torchs_to_the_bit(before: int) -> None:
    model = network()
    theirs, ours = averaged(model), averaged(model)
    for step in range(6):
        if step == before:
            ours = settled(ours)
        with torch.no_grad():
            model(torch.randn(4, 3, 8, 8))  # moves batch norm's statistics
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter))
        theirs.update_parameters(model)
        ours.update_parameters(model)
    expected, found = theirs.state_dict(), ours.state_dict()
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def test_averages_of_other_kinds_are_left_to_torch() -> None:
    kinds: tuple[Callable[[], AveragedModel], ...] = (
        partial(averaged, network(), use_buffers=False),
        partial(averaged, network(), avg_fn=None),
    )
    for make in kinds:
        assert "update_parameters" not in vars(settled(make()))
    assert "update_parameters" in vars(settled(averaged(network())))
    count_on_host(SimpleNamespace(callbacks=[WeightAveraging()]))  # type: ignore[arg-type]
