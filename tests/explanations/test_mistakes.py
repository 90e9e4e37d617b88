"""Mistakes, the most confident first; best against last: figures, agreement, what is drawn."""

import json

import pytest
import torch

from alexnet_lightning.data import DigitsDataModule
from alexnet_lightning.data.batches import ImageTensors
from alexnet_lightning.explanations.mistakes import (
    Judged,
    agreement,
    draw_curves_and_counts,
    draw_differences,
    draw_mistakes,
    judged,
    most_confident,
    read_rows,
)
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder

BEST = Judged("best", 2, torch.tensor([[0.8, 0.2], [0.9, 0.1], [0.6, 0.4], [0.7, 0.3]]))
LAST = Judged("last", 3, torch.tensor([[0.7, 0.3], [0.4, 0.6], [0.3, 0.7], [0.1, 0.9]]))
LABELS = torch.tensor([0, 0, 1, 1])
PROBABILITIES = torch.tensor([[0.6, 0.4], [0.1, 0.9], [0.8, 0.2], [0.3, 0.7], [0.99, 0.01]])
TRUE = torch.tensor([1, 0, 1, 1, 0])


def test_the_best_checkpoints_figures_are_those_of_the_fit(trained_run) -> None:
    data = DigitsDataModule()
    data.setup()
    test = data.splits["test"]
    best = judged(RunFolder(trained_run), "best", test)
    summary = json.loads((trained_run / "summary.json").read_text())
    assert best.epoch == summary["best_epoch"]
    for name, value in best.figures(test.labels).items():
        assert value == pytest.approx(summary[f"test/{name}"], abs=1e-5)
    assert judged(RunFolder(trained_run), "last", test).epoch == summary["epochs"]


def test_agreement_counts_every_image_once() -> None:
    counts = agreement(*(part.probabilities.argmax(1) for part in (BEST, LAST)), LABELS)
    assert list(counts.values()) == [1, 1, 2, 0, 0]
    counts = agreement(torch.tensor([1, 2, 2]), torch.tensor([1, 2, 1]), torch.tensor([0, 0, 0]))
    assert list(counts.values()) == [0, 0, 0, 2, 1]


def test_two_classes_have_no_top_5() -> None:
    figures = BEST.figures(LABELS)
    assert set(figures) == {"top1", "loss"}
    assert figures["top1"] == 0.5


def test_curves_mark_both_epochs() -> None:
    rows = [
        {
            "epoch": float(e),
            "step": 0.0,
            "train/loss": 1 / (e + 1),
            "val/loss": 1.0,
            "val/top1": 0.5,
        }
        for e in range(3)
    ]
    figure = draw_curves_and_counts(rows, BEST, LAST, LABELS)
    loss = figure.axes[0]
    lines = {line.get_label(): list(line.get_xdata()) for line in loss.lines}
    assert lines["best checkpoint"] == [2, 2]
    assert lines["last checkpoint"] == [3, 3]
    assert list(lines.values()).count([1, 2, 3]) == 2
    assert [text.get_text().strip() for text in figure.axes[2].texts] == ["1", "1", "2", "0", "0"]


def test_the_largest_differences_come_first() -> None:
    pixels = torch.arange(4, dtype=torch.uint8)[:, None, None, None].expand(4, 1, 4, 4)
    figure = draw_differences(ImageTensors(pixels, LABELS), BEST, LAST, ["cat", "dog"])
    drawn = [axes for axes in figure.axes if axes.images]
    assert [int(axes.images[0].get_array().max()) for axes in drawn] == [3, 1, 2]
    assert drawn[0].get_xlabel() == "is dog\nbest: cat, 70%\nlast: dog, 90%"


def test_rows_are_those_of_the_run(trained_run, tmp_path) -> None:
    rows = read_rows(trained_run / "metrics.csv")
    assert [row["epoch"] for row in rows if "val/top1" in row] == [0, 1, 2, 3]
    with pytest.raises(UserError, match=r"nowhere\.csv: cannot read"):
        read_rows(tmp_path / "nowhere.csv")


def test_only_mistakes_the_most_confident_first() -> None:
    assert most_confident(PROBABILITIES, TRUE, 9).tolist() == [1, 2, 0]
    assert most_confident(PROBABILITIES, TRUE, 2).tolist() == [1, 2]
    assert most_confident(PROBABILITIES, PROBABILITIES.argmax(1), 2).tolist() == []


def test_the_figure_says_what_each_was_taken_for() -> None:
    pixels = torch.arange(5, dtype=torch.uint8)[:, None, None, None].expand(5, 3, 4, 4)
    figure = draw_mistakes(ImageTensors(pixels, TRUE), PROBABILITIES, ["cat", "dog"])
    drawn = [axes for axes in figure.axes if axes.images]
    captions = [axes.get_xlabel() for axes in drawn]
    assert captions[0] == "dog, 90%\nis cat, 10%"
    assert [int(axes.images[0].get_array().max()) for axes in drawn] == [1, 2, 0]
    assert figure.get_suptitle() == "Most confident of 3 mistakes in 5 test images"


def test_no_mistakes_are_a_figure_too() -> None:
    images = ImageTensors(torch.zeros(2, 1, 4, 4, dtype=torch.uint8), torch.tensor([0, 1]))
    figure = draw_mistakes(images, torch.eye(2), ["cat", "dog"])
    assert figure.get_suptitle() == "Most confident of 0 mistakes in 2 test images"
    assert figure.texts[-1].get_text() == "The network is right on all of them."


def test_a_best_checkpoint_that_is_like_the_last_is_told() -> None:
    images = ImageTensors(torch.zeros(4, 1, 4, 4, dtype=torch.uint8), LABELS)
    figure = draw_differences(images, BEST, BEST._replace(epoch=3), ["cat", "dog"])
    assert not figure.axes
    assert figure.texts[-1].get_text() == "Epochs 2 and 3 give the same class for each."


def test_images_are_shown_as_the_network_sees_them() -> None:
    images = ImageTensors(torch.zeros(5, 1, 4, 4, dtype=torch.uint8), TRUE)
    figure = draw_mistakes(images, PROBABILITIES, ["cat", "dog"], lambda x: x[..., :2, :2])
    assert figure.axes[0].images[0].get_array().shape == (2, 2)
