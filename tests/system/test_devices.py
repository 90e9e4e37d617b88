"""The device that a command computes on."""

import pytest
import torch

from alexnet_lightning.system.devices import chosen_device
from alexnet_lightning.system.errors import UserError


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch):
    """Pretend that torch finds so many GPUs."""

    def pretend(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    return pretend


def test_without_a_gpu(gpus) -> None:
    gpus(0)
    assert chosen_device("auto") == chosen_device("cpu") == "cpu"
    for name in ("cuda", "cuda:0", "mps"):
        with pytest.raises(UserError, match=f"^--device {name}: .*give auto or cpu$"):
            chosen_device(name)


def test_with_two_gpus(gpus) -> None:
    gpus(2)
    assert [chosen_device(name) for name in ("auto", "cpu", "cuda:1")] == ["cuda", "cpu", "cuda:1"]
    with pytest.raises(UserError, match=r"give auto or cpu, cuda:0, cuda:1$"):
        chosen_device("cuda:2")


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:one", "cuda:-1", "cpu:1", ""])
def test_a_name_that_is_none(name: str, gpus) -> None:
    gpus(1)
    with pytest.raises(UserError, match=f"^--device {name}: give auto, cpu"):
        chosen_device(name)
