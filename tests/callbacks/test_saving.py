"""Where a figure and a table are saved."""

from types import SimpleNamespace

from alexnet_lightning.callbacks.saving import save_figure, save_table
from alexnet_lightning.plots.style import new_figure


def test_a_figure_is_written_to_the_run_and_to_wandb(tmp_path, wandb_logger):
    trainer = SimpleNamespace(default_root_dir=tmp_path, loggers=[wandb_logger], global_step=3)
    with new_figure(2, 1) as figure:
        figure.subplots().plot([1, 2])
    path = save_figure(trainer, figure, "embeddings_epoch_012")
    assert path == tmp_path / "figures" / "embeddings_epoch_012.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    wandb_logger.log_image.assert_called_once_with("figures/embeddings", [str(path)])


def test_a_table_is_written_to_the_run_and_to_wandb(tmp_path, wandb_logger, read_csv):
    trainer = SimpleNamespace(default_root_dir=tmp_path, loggers=[wandb_logger], global_step=3)
    save_table(trainer, "test/numbers", ["one", "two"], [[1, None], ["a,b", 0.5]])
    assert read_csv("figures/numbers.csv") == [
        {"one": "1", "two": ""},
        {"one": "a,b", "two": "0.5"},
    ]
    key, columns, rows = wandb_logger.log_table.call_args.args
    assert (key, columns, rows) == ("test/numbers", ["one", "two"], [[1, None], ["a,b", 0.5]])
