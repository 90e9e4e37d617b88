"""Operations against those that are known: of layers, images and steps."""

from types import SimpleNamespace

import torch

from alexnet_lightning.callbacks import OperationCount
from alexnet_lightning.networks.inspect import layer_facts
from alexnet_lightning.training.metrics_csv import MetricsCSV


def counted(trainer, model, data):
    trainer.fit(model, data)
    logger = next(each for each in trainer.loggers if isinstance(each, MetricsCSV))
    return [row["train/operations"] for row in logger.rows if "train/operations" in row]


def multiply_adds(model):
    facts = layer_facts(model.network, torch.zeros(2, 1, 8, 8))
    return {fact.name: fact.multiply_adds for fact in facts if fact.multiply_adds}


def test_three_passes_of_every_image(make_trainer, model, data):
    found = counted(make_trainer(OperationCount()), model, data)
    costs = [*multiply_adds(model).values()]
    epoch = 24 * (6 * sum(costs) - 2 * costs[0])  # the images themselves need no gradient
    assert found == [epoch, 2 * epoch, 3 * epoch]


def test_gradients_of_weights_that_are_no_longer_trained_cost_nothing(make_trainer, model, data):
    found = counted(make_trainer(OperationCount()), model, data)
    model.layer_options = {"features": {"epochs": 1}}
    frozen = counted(make_trainer(OperationCount()), model, data)
    saved = 24 * 2 * sum(n for name, n in multiply_adds(model).items() if "features" in name)
    assert saved > 0
    assert frozen == [found[0], found[1] - saved, found[2] - 2 * saved]


def test_it_changes_nothing_and_goes_on_after_a_resume(make_trainer, model, data, changes_training):
    assert not changes_training(OperationCount())
    first, second = OperationCount(), OperationCount()
    (half,) = counted(make_trainer(first, max_epochs=1), model, data)
    second.load_state_dict(first.state_dict())
    assert counted(make_trainer(second, max_epochs=1), model, data) == [2 * half]


def test_those_of_all_processes_are_counted():
    trainer, batch = SimpleNamespace(world_size=2), (torch.ones(5, 3), None)
    callback = OperationCount()
    callback.on_train_batch_start(trainer, None, batch, 0)
    batch[0] @ torch.ones(3, 7)
    callback.on_train_batch_end(trainer, None, None, batch, 0)
    assert callback.state_dict() == {"so_far": 2 * 2 * 5 * 3 * 7}
