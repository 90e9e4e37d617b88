"""The confusion matrix of a test and the accuracy of each class."""

import csv
from types import SimpleNamespace

import pytest
import torch
from PIL import Image

from alexnet_lightning.callbacks import ConfusionMatrix
from alexnet_lightning.callbacks.confusion import draw_confusion, write_per_class


def read(path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_test_leaves_the_accuracy_of_each_class(
    make_trainer, model, data, tmp_path, wandb_record
):
    make_trainer(callbacks=[ConfusionMatrix()]).test(model, data, verbose=False)
    images, labels = data.splits["val"]
    with torch.no_grad():
        found = model.eval().last(model.embed(images)["penultimate"]).argmax(1)
    rows = read(tmp_path / "figures" / "per_class_accuracy.csv")
    assert [row["class"] for row in rows] == data.class_names
    assert [int(row["images"]) for row in rows] == labels.bincount().tolist()
    for label, row in enumerate(rows):
        expected = (found[labels == label] == label).double().mean()
        assert float(row["accuracy"]) == pytest.approx(float(expected))
    assert list(wandb_record.images) == ["figures/confusion"]
    assert wandb_record.tables["test/per_class_accuracy"][0] == ["class", "images", "accuracy"]


def test_a_second_test_starts_from_nothing(make_trainer, model, data, tmp_path):
    trainer = make_trainer(callbacks=[ConfusionMatrix()])
    for _ in range(2):
        trainer.test(model, data, verbose=False)
    rows = read(tmp_path / "figures" / "per_class_accuracy.csv")
    assert sum(int(row["images"]) for row in rows) == 30


def test_nothing_is_drawn_in_a_fast_dev_run(make_trainer, model, data, tmp_path):
    make_trainer(callbacks=[ConfusionMatrix()], fast_dev_run=True).test(model, data, verbose=False)
    assert not (tmp_path / "figures").exists()


@pytest.fixture
def caught(monkeypatch):
    """The figures that would have been saved."""
    figures = []
    monkeypatch.setattr(
        "alexnet_lightning.callbacks.confusion.save_figure",
        lambda trainer, figure, name: figures.append(figure),
    )
    return figures


def test_cells_are_per_cent_of_the_true_class(caught):
    counts = torch.tensor([[3, 0, 1], [0, 2, 0], [0, 0, 0]])
    draw_confusion(None, counts, ["cat", "dog", "$1_000"])
    matrix, bars = caught[0].axes
    cells = {(text.get_position(), text.get_text()) for text in matrix.texts}
    assert cells == {((0, 0), "75"), ((2, 0), "25"), ((1, 1), "100")}
    assert [text.get_text() for text in bars.texts] == ["75.0", "100.0", "no images"]
    assert caught[0].get_suptitle() == "top-1: 83.33% of 6 images"
    assert matrix.get_ylabel() == "true class"


@pytest.mark.parametrize(("classes", "names"), [(20, 20), (25, 25), (120, 30), (1000, 30)])
def test_names_stay_readable_however_many_classes(caught, classes, names):
    draw_confusion(None, torch.eye(classes).long(), [f"class {i}" for i in range(classes)])
    matrix = caught[0].axes[0]
    assert len(matrix.get_yticklabels()) <= names
    assert len(matrix.get_yticklabels()) > names * 0.9
    assert bool(matrix.texts) == (classes <= 20)


@pytest.mark.parametrize("classes", [3, 120])
def test_the_picture_is_written(tmp_path, classes):
    trainer = SimpleNamespace(default_root_dir=tmp_path, loggers=[])
    draw_confusion(trainer, torch.eye(classes).long(), [f"${i}" for i in range(classes)])
    with Image.open(tmp_path / "figures" / "confusion.png") as picture:
        assert picture.width > 800


def test_a_class_without_images_has_no_accuracy(tmp_path):
    trainer = SimpleNamespace(default_root_dir=tmp_path, loggers=[])
    write_per_class(trainer, torch.tensor([[1, 1], [0, 0]]), ["cat", "dog"])
    rows = read(tmp_path / "figures" / "per_class_accuracy.csv")
    assert [row["accuracy"] for row in rows] == ["0.5", ""]
    assert [path.name for path in (tmp_path / "figures").iterdir()] == ["per_class_accuracy.csv"]
