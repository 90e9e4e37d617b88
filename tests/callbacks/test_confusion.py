"""The confusion matrix of a test and the accuracy of each class."""

import pytest
import torch

from alexnet_lightning.callbacks import ConfusionMatrix
from alexnet_lightning.callbacks.confusion import per_class

PER_CLASS = "figures/per_class_accuracy.csv"


def test_a_test_writes_the_accuracy_of_each_class(
    make_trainer, model, data, tmp_path, wandb_logger, read_csv
):
    trainer = make_trainer(ConfusionMatrix())
    for _ in range(2):  # a second test counts from zero
        trainer.test(model, data, verbose=False)
    images, labels = data.splits["test"][range(30)]
    with torch.no_grad():
        found = model.eval()(data.preprocess(images)).argmax(1)
    rows = read_csv(PER_CLASS)
    assert [row["class"] for row in rows] == data.class_names
    assert [int(row["images"]) for row in rows] == labels.bincount().tolist()
    for label, row in enumerate(rows):
        expected = (found[labels == label] == label).double().mean()
        assert float(row["accuracy"]) == pytest.approx(float(expected))
    assert wandb_logger.log_image.call_args.args[0] == "figures/confusion"
    key, columns, _ = wandb_logger.log_table.call_args.args
    assert (key, columns) == ("test/per_class_accuracy", ["class", "images", "accuracy"])
    assert (tmp_path / "figures" / "confusion.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_is_drawn_in_a_fast_dev_run(make_trainer, model, data, tmp_path):
    make_trainer(ConfusionMatrix(), fast_dev_run=True).test(model, data, verbose=False)
    assert not (tmp_path / "figures").exists()


def test_a_class_without_images_has_no_accuracy():
    rows = per_class(torch.tensor([[1, 1], [0, 0]]), ["cat", "dog"])
    assert rows == [["cat", 2, 0.5], ["dog", 0, None]]
