"""Where figures go and what they leave behind."""

from types import SimpleNamespace

import matplotlib
import pytest

from alexnet_lightning.plots.style import house_style, new_figure, save_figure
from alexnet_lightning.system.text import short


@pytest.fixture
def trainer(tmp_path, wandb_record):
    return SimpleNamespace(default_root_dir=tmp_path, loggers=[wandb_record])


def test_a_figure_goes_to_the_run_and_to_wandb(trainer, tmp_path, wandb_record):
    with new_figure(2, 1) as figure:
        figure.subplots().plot([1, 2])
        path = save_figure(trainer, figure, "embeddings_epoch_012")
    assert path == tmp_path / "figures" / "embeddings_epoch_012.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    assert wandb_record.images == {"figures/embeddings": [str(path)]}


def test_a_figure_that_fails_leaves_no_file(trainer, tmp_path, wandb_record):
    def fail(path, **_):
        path.write_bytes(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        save_figure(trainer, SimpleNamespace(savefig=fail), "loss")
    assert list((tmp_path / "figures").iterdir()) == [] and wandb_record.images == {}


def test_the_style_ends_with_the_figure():
    before = {key: matplotlib.rcParams[key] for key in house_style()}
    with new_figure(2, 1):
        assert matplotlib.rcParams["text.parse_math"] is False
    assert {key: matplotlib.rcParams[key] for key in before} == before


def test_long_names_are_cut_visibly():
    assert short("automobile") == "automobile"
    assert short("n02099712-Labrador_retriever") == "n02099712-Labrador_retr…"
