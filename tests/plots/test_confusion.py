"""The figure of a confusion matrix."""

import pytest
import torch

from alexnet_lightning.plots.confusion import confusion_figure


def test_cells_are_percent_of_the_true_class():
    counts = torch.tensor([[3, 0, 1], [0, 2, 0], [0, 0, 0]])
    figure = confusion_figure(counts, ["cat", "dog", "$1_000"], "Pets")
    matrix, bars = figure.axes
    cells = {(text.get_position(), text.get_text()) for text in matrix.texts}
    assert cells == {((0, 0), "75"), ((2, 0), "25"), ((1, 1), "100")}
    assert matrix.get_title() == "% of each true class (blank: none)"
    assert [text.get_text() for text in bars.texts] == ["75.0", "100.0", "no images"]
    assert figure.get_suptitle() == "Pets: top-1 accuracy 83.33% of 6 images"


def test_a_few_images_are_not_none():
    figure = confusion_figure(torch.tensor([[999, 1], [0, 5]]), ["cat", "dog"], "Pets")
    assert [text.get_text() for text in figure.axes[0].texts] == ["100", "<1", "100"]
    half = confusion_figure(torch.tensor([[995, 5], [0, 5]]), ["cat", "dog"], "Pets")
    assert [text.get_text() for text in half.axes[0].texts] == ["100", "<1", "100"]


@pytest.mark.parametrize(("classes", "names"), [(20, 20), (120, 30)])
def test_names_stay_readable_with_many_classes(classes, names):
    figure = confusion_figure(torch.eye(classes).long(), [f"${i}" for i in range(classes)], "")
    matrix = figure.axes[0]
    assert names * 0.9 < len(matrix.get_yticklabels()) <= names
    assert bool(matrix.texts) == (classes <= 20)
    figure.draw_without_rendering()
