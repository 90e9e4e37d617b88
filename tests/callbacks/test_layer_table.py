"""What is printed at the start of a fit."""

from types import SimpleNamespace

import pytest
import torch

from alexnet_lightning.callbacks import LayerTable
from alexnet_lightning.models.alexnet import alexnet

DATA = SimpleNamespace(in_channels=1, image_size=8)


@pytest.fixture
def module() -> SimpleNamespace:
    torch.manual_seed(0)
    return SimpleNamespace(network=alexnet(10, 1, 8, stem="small", width=0.1))


def test_it_prints_the_layers_and_changes_nothing(module, capsys):
    random = torch.get_rng_state()
    before = {key: tensor.clone() for key, tensor in module.network.state_dict().items()}
    LayerTable().setup(SimpleNamespace(is_global_zero=True, datamodule=DATA), module, "fit")
    header, conv1, *_, fc8, total = capsys.readouterr().out.splitlines()
    assert header.split() == ["layer", "output", "parameters", "multiply-adds"]
    assert conv1.split() == ["features.conv1", "8", "×", "8", "×", "8", "80", "4,608"]
    assert fc8.split() == ["classifier.fc8", "10", "4,090", "4,080"]
    assert total.split()[1] == f"{sum(p.numel() for p in module.network.parameters()):,}"
    assert len({len(line) for line in (header, conv1, fc8, total)}) == 1

    assert torch.equal(torch.get_rng_state(), random)
    assert all(layer.training for layer in module.network.modules())
    after = module.network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize(("rank_zero", "stage"), [(False, "fit"), (True, "test")])
def test_it_is_silent_on_other_ranks_and_stages(module, capsys, rank_zero, stage):
    trainer = SimpleNamespace(is_global_zero=rank_zero, datamodule=DATA)
    LayerTable().setup(trainer, module, stage)
    assert capsys.readouterr().out == ""
