"""The house style, and files of figures."""

from types import SimpleNamespace

import matplotlib
import pytest
import torch

from alexnet_lightning.explanations.images import brief, gallery
from alexnet_lightning.plots.confusion import confusion_figure
from alexnet_lightning.plots.embeddings import scatter
from alexnet_lightning.plots.style import (
    color_and_marker,
    house_style,
    label,
    new_figure,
    write_png,
)


def test_a_figure_that_fails_leaves_no_file(tmp_path):
    def fail(path, **_):
        path.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_png(SimpleNamespace(savefig=fail), tmp_path / "loss.png")
    assert list(tmp_path.iterdir()) == []


def test_the_style_is_that_of_the_figure_alone(tmp_path):
    before = {key: matplotlib.rcParams[key] for key in house_style()}
    with new_figure(2, 1) as figure:
        axes = figure.subplots()
        assert matplotlib.rcParams["text.parse_math"] is False
    write_png(figure, tmp_path / "a.png")
    assert axes.get_xticklabels()[0].get_fontsize() == house_style()["font.size"]
    assert {key: matplotlib.rcParams[key] for key in before} == before


ODD = {
    "$a$": "$a$",
    "a_b^c": "a_b^c",
    r"$\frac{": r"$\frac{",
    "_hidden": " _hidden",
    "two\nlines": r"two\nlines",
    "\udce9t\udce9": r"\udce9t\udce9",  # of a folder's name in Latin-1
    "猫": r"\u732b",
    "Löwe ♥": "Löwe ♥",
}


def test_any_name_can_be_drawn(tmp_path):
    assert [label(name) for name in ODD] == [*ODD.values()]
    figure = confusion_figure(torch.eye(len(ODD)).long(), list(ODD), "Test")
    write_png(figure, tmp_path / "confusion.png")
    shown = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert shown == [*ODD.values()]
    with new_figure(6, 3) as figure:
        points = torch.randn(len(ODD), 2)
        axes = figure.subplots()
        scatter(axes, points, torch.arange(len(ODD)), [*range(len(ODD))], list(ODD))
        assert axes.get_legend_handles_labels()[1] == [*ODD.values()]
        figure.legend()
    write_png(figure, tmp_path / "scatter.png")
    write_png(
        gallery(torch.zeros(8, 3, 4, 4).byte(), [brief(n) for n in ODD], "t"), tmp_path / "g.png"
    )


def test_a_hundred_variants_look_different() -> None:
    assert len({color_and_marker(index) for index in range(100)}) == 100
