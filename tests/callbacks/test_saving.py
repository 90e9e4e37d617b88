"""Where a figure is saved."""

from types import SimpleNamespace

from alexnet_lightning.callbacks.saving import save_figure
from alexnet_lightning.plots.style import new_figure


def test_a_figure_is_written_to_the_run_and_to_wandb(tmp_path, wandb_logger):
    trainer = SimpleNamespace(default_root_dir=tmp_path, loggers=[wandb_logger])
    with new_figure(2, 1) as figure:
        figure.subplots().plot([1, 2])
    path = save_figure(trainer, figure, "embeddings_epoch_012")
    assert path == tmp_path / "figures" / "embeddings_epoch_012.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    wandb_logger.log_image.assert_called_once_with("figures/embeddings", [str(path)])
