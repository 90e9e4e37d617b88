"""Curves of loss and accuracy by epoch."""

import pytest

from alexnet_lightning.plots.curves import by_epoch, curves_figure, top_metrics

ROWS = [
    {"epoch": 0, "step": 4, "train/loss_step": 9.0, "lr": 0.1},
    {"epoch": 0, "step": 9, "val/loss": 2.0, "train/loss": 2.5, "val/top1": 0.1, "val/top10": 0.9},
    {"epoch": 1, "step": 14, "val/loss": 1.4},
    {"epoch": 1, "step": 19, "val/loss": 1.0, "train/loss": 1.5, "val/top1": 0.6, "val/top2": 0.7},
    {"epoch": 2, "step": 29, "val/loss": float("nan"), "train/loss": 0.5, "val/top1": 0.6},
    {"step": 29, "test/loss": 1.0},
]


def test_epochs_count_from_one_and_the_last_value_of_each_counts():
    assert by_epoch(ROWS, "train/loss") == {1: 2.5, 2: 1.5, 3: 0.5}
    assert by_epoch(ROWS[:4], "val/loss") == {1: 2.0, 2: 1.0}
    assert by_epoch(ROWS, "test/loss") == {}


def test_accuracies_are_those_logged_by_rising_k():
    assert top_metrics(ROWS) == ["top1", "top2", "top10"]


def test_lines_and_whole_epochs():
    figure = curves_figure(ROWS, ["top1", "top2"], "accuracy (%)", "", (2, "val/loss"))
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    names = ["validation top-1", "validation top-2", "best epoch: 2 (val/loss)"]
    assert list(lines) == names
    assert lines["validation top-1"].get_ydata() == pytest.approx([10, 60, 60])
    assert axes.get_xlim() == (0.5, 3.5)
    figure.draw_without_rendering()
    assert [tick for tick in axes.get_xticks() if 0.5 <= tick <= 3.5] == [1, 2, 3]


def test_chance_is_a_line_and_a_loss_of_other_targets_is_named():
    figure = curves_figure(ROWS, ["loss"], "nats", "", None, 2.3, "label smoothing 0.1")
    (axes,) = figure.axes
    lines = {line.get_label(): line for line in axes.lines}
    told = "training loss\n(with label smoothing 0.1: not comparable)"
    assert list(lines) == [told, "validation loss", "chance"]
    assert list(lines["chance"].get_ydata()) == [2.3, 2.3]


def test_without_values_there_is_no_figure():
    assert curves_figure(ROWS, ["top3"], "accuracy (%)", "") is None


@pytest.mark.parametrize("width", [5, 7])
def test_without_a_validation_nothing_is_compared_and_the_legend_is_whole(width):
    rows = [{key: row[key] for key in row if not key.startswith("val/")} for row in ROWS]
    figure = curves_figure(rows, ["loss"], "nats", "", None, 2.3, "label smoothing 0.1", width)
    labels = [line.get_label() for line in figure.axes[0].lines]
    assert labels == ["training loss\n(with label smoothing 0.1)", "chance"]
    figure.draw_without_rendering()
    (legend,) = figure.legends
    extent = legend.get_window_extent()
    assert 0 <= extent.x0 < extent.x1 <= figure.bbox.width
