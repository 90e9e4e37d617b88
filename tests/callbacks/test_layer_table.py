"""What is printed at the start of a fit, and that nothing else comes of it."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn
from torchvision import models

from alexnet_lightning.callbacks import LayerTable
from alexnet_lightning.callbacks.layer_table import MAX_LINES, in_few_lines, layer_table
from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.networks.alexnet import alexnet
from alexnet_lightning.networks.inspect import LayerFacts, layer_facts, shapes

DATA = SimpleNamespace(in_channels=1, image_size=8)


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


@pytest.fixture
def module() -> SimpleNamespace:
    torch.manual_seed(0)
    return SimpleNamespace(network=alexnet(10, 1, 8, stem="small", width=0.1))


def test_names_shapes_and_totals_in_aligned_columns(module, capsys) -> None:
    trainer = SimpleNamespace(is_global_zero=True, datamodule=DATA)
    LayerTable().setup(trainer, module, "fit")
    header, conv1, *_, fc8, total = capsys.readouterr().out.splitlines()
    assert header.split() == ["layer", "output", "parameters", "multiply-adds"]
    assert conv1.split() == ["features.conv1", "8", "×", "8", "×", "8", "80", "4,608"]
    assert fc8.split() == ["classifier.fc8", "10", "4,090", "4,080"]
    assert total.split()[:2] == ["total", f"{parameters(module.network):,}"]
    assert len({len(line) for line in (header, conv1, fc8, total)}) == 1


@pytest.mark.parametrize(("rank_zero", "stage"), [(False, "fit"), (True, "test")])
def test_it_is_silent_on_other_ranks_and_stages(module, capsys, rank_zero, stage) -> None:
    trainer = SimpleNamespace(is_global_zero=rank_zero, datamodule=DATA)
    LayerTable().setup(trainer, module, stage)
    assert capsys.readouterr().out == ""


def test_it_touches_neither_chance_nor_modes_nor_weights(module, capsys) -> None:
    module.network.train()
    chance = torch.get_rng_state()
    before = {key: tensor.clone() for key, tensor in module.network.state_dict().items()}
    LayerTable().setup(SimpleNamespace(is_global_zero=True, datamodule=DATA), module, "fit")
    assert torch.equal(torch.get_rng_state(), chance)
    assert all(layer.training for layer in module.network.modules())
    after = module.network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


def test_training_is_the_same_with_and_without(quick_config: Path, in_tmp: Path, capsys) -> None:
    weights = []
    for callbacks in ([], [LayerTable()]):
        cli = ExperimentCLI(["--config", str(quick_config)])
        trainer = Trainer(
            max_steps=2,
            limit_val_batches=0,
            accelerator="cpu",
            callbacks=callbacks,
            logger=False,
            enable_checkpointing=False,
            enable_model_summary=False,
            enable_progress_bar=False,
            use_distributed_sampler=False,
        )
        trainer.fit(cli.model, datamodule=cli.datamodule)
        weights.append(cli.model.state_dict())
        assert ("classifier.fc8" in capsys.readouterr().out) == bool(callbacks)
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


def test_elementwise_layers_have_no_line() -> None:
    with torch.device("meta"):
        network = nn.Sequential(*[nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout()])
    lines = layer_table(shapes(network, 3, 8), parameters(network)).splitlines()
    assert [line.split()[0] for line in lines] == ["layer", "0", "2", "total"]


@pytest.mark.parametrize(("name", "first"), [("resnet18", "layer1.0"), ("densenet121", "features")])
def test_deep_graphs_come_in_blocks_that_still_add_up(name: str, first: str) -> None:
    with torch.device("meta"):
        network = models.get_model(name, weights=None)
    facts = shapes(network, 3, 64)
    blocks = in_few_lines(facts)
    lines = layer_table(blocks, parameters(network)).splitlines()
    assert 5 < len(lines) <= MAX_LINES + 2
    assert any(line.startswith(first) for line in lines)
    assert sum(block.parameters for block in blocks) == parameters(network)
    assert sum(block.multiply_adds for block in blocks) == sum(f.multiply_adds for f in facts)


def test_measures_have_columns_of_their_own() -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    facts = layer_facts(network, torch.randn(4, 3))
    header, linear, norm, _ = layer_table(facts, parameters(network), measured=True).splitlines()
    assert header.split()[-4:] == ["weight", "std", "spread", "share"]
    assert f"{facts[0].spread:.2g}" in linear.split()
    assert norm.split()[-3:] == ["–"] * 3


def test_a_shape_alone_makes_a_line() -> None:
    facts = [LayerFacts(name, "", (3, 9, 9), 0, 0) for name in ("pad", "relu")]
    lines = layer_table(facts, 0).splitlines()
    assert [line.split()[0] for line in lines] == ["layer", "pad", "total"]
