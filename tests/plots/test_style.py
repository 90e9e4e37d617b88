"""The house style, and files of figures."""

from types import SimpleNamespace

import matplotlib
import pytest

from alexnet_lightning.plots.style import house_style, new_figure, write_png


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
