"""The table before training, and layer_statistics.csv of a run and of one that resumes earlier."""

import math
from types import SimpleNamespace

import pytest
import torch

from alexnet_lightning.callbacks import LayerStatistics, LayerTable
from alexnet_lightning.callbacks.layers import write
from alexnet_lightning.models import AlexNet
from alexnet_lightning.system.errors import UserError


def test_a_run_writes_its_spreads_and_trains_the_same(changes_training, read_csv):
    assert not changes_training(LayerStatistics(steps=[0, 3]))
    rows = read_csv("layer_statistics.csv")
    assert [row["step"] for row in rows] == ["0"] * 8 + ["3"] * 8
    assert [row["layer"] for row in rows[6:8]] == ["classifier.fc7", "classifier.fc8"]
    assert all(0 < float(row[kind]) < math.inf for row in rows for kind in ("forward", "backward"))


def test_a_repeated_step_replaces_its_rows(tmp_path, read_csv):
    path = tmp_path / "layer_statistics.csv"
    write(path, 0, [("a", 1.0, 2.0)])
    write(path, 5, [("a", 3.0, 4.0)])
    write(path, 5, [("a", 5.0, 6.0)])
    rows = read_csv("layer_statistics.csv")
    assert [(row["step"], row["forward"]) for row in rows] == [("0", "1.0"), ("5", "5.0")]


@pytest.mark.parametrize(("wrong", "key"), [({"steps": [-1]}, "steps"), ({"images": 1}, "images")])
def test_arguments_out_of_range_are_refused(wrong, key):
    with pytest.raises(UserError, match=f"LayerStatistics.{key}"):
        LayerStatistics(**wrong)


DATA = SimpleNamespace(in_channels=1, image_size=8)


@pytest.fixture
def module() -> SimpleNamespace:
    torch.manual_seed(0)
    return SimpleNamespace(network=AlexNet(10, 1, 8, stem="small", width=0.1).network)


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
