"""Plateau: what it waits for by default."""

import pytest
import torch
from torch.optim import SGD

from alexnet_lightning.schedules import Plateau


def test_the_rate_is_divided_by_ten_when_the_loss_stops_falling() -> None:
    optimizer = SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.01)
    plateau = Plateau(optimizer, patience=1)
    assert plateau.monitor == "val/loss"
    rates = []
    for loss in (1.0, 0.9, 0.9, 0.9, 0.9):
        plateau.step(loss)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.01, 0.01, 0.01, 0.001, 0.001])
