"""When the embeddings are drawn, what is logged, and that training does not notice."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from alexnet_lightning.callbacks import EmbeddingPCA
from alexnet_lightning.callbacks.embedding_pca import most_frequent
from alexnet_lightning.plots.embedding_space import Projection
from alexnet_lightning.system.errors import UserError
from tests.callbacks.conftest import TinyClassifier

SCORES = {f"val/{tap}_{s}" for tap in ("features", "penultimate") for s in ("knn5", "silhouette")}


def drawn(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "figures").glob("*"))


def test_draws_the_first_every_nth_and_the_last_epoch(make_trainer, model, data, tmp_path):
    make_trainer(callbacks=[EmbeddingPCA(every_n_epochs=2)]).fit(model, data)
    epochs = [f"embeddings_epoch_{epoch:03d}.png" for epoch in (1, 2, 3)]
    assert drawn(tmp_path) == ["embeddings.png", *epochs]
    latest = (tmp_path / "figures" / "embeddings.png").read_bytes()
    assert latest == (tmp_path / "figures" / epochs[-1]).read_bytes()
    assert latest.startswith(b"\x89PNG")


def test_the_last_epoch_is_drawn_once(make_trainer, model, data, wandb_record):
    make_trainer(callbacks=[EmbeddingPCA(every_n_epochs=3)]).fit(model, data)
    assert len(wandb_record.images["figures/embeddings"]) == 2


def test_zero_draws_only_at_the_end(make_trainer, model, data, tmp_path):
    make_trainer(callbacks=[EmbeddingPCA(every_n_epochs=0)]).fit(model, data)
    assert drawn(tmp_path) == ["embeddings.png", "embeddings_epoch_003.png"]


def test_scores_stand_in_the_row_of_their_epoch(make_trainer, model, data):
    callback = EmbeddingPCA(every_n_epochs=2)
    trainer = make_trainer(callbacks=[callback])
    trainer.fit(model, data)
    rows = [row for row in trainer.logger.rows if row.keys() >= SCORES]
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert all("val/loss" in row and "train/loss" in row for row in rows)
    assert callback.scores == {key: rows[-1][key] for key in SCORES}
    assert callback.scores["val/features_knn5"] > 0.9  # the clusters lie far apart


def test_training_does_not_notice(make_trainer, model, data):
    trained = []
    for callbacks in ([], [EmbeddingPCA(every_n_epochs=1)]):
        torch.manual_seed(0)
        network = TinyClassifier()
        make_trainer(callbacks=callbacks).fit(network, data)
        trained.append((network.state_dict(), torch.get_rng_state()))
        assert not network.frozen.training and network.features.training
    (plain, plain_rng), (watched, watched_rng) = trained
    assert all(torch.equal(plain[key], watched[key]) for key in plain)
    assert torch.equal(plain_rng, watched_rng)


def test_signs_survive_a_resume(make_trainer, model, data, tmp_path):
    callback = EmbeddingPCA(every_n_epochs=1)
    saving = ModelCheckpoint(tmp_path, filename="last", save_on_train_epoch_end=True)
    make_trainer(callbacks=[callback, saving], enable_checkpointing=True).fit(model, data)
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)
    resumed = EmbeddingPCA()
    resumed.load_state_dict(state["callbacks"]["EmbeddingPCA"])
    assert resumed._coordinates.keys() == {"features", "penultimate"}
    for tap, coordinates in resumed._coordinates.items():
        assert torch.equal(coordinates, callback._coordinates[tap])


def test_embeddings_that_are_not_finite_warn_once_and_training_goes_on(
    make_trainer, model, data, tmp_path
):
    torch.nn.init.constant_(model.frozen.bias, float("nan"))
    trainer = make_trainer(callbacks=[EmbeddingPCA(every_n_epochs=1)])
    with pytest.warns(UserWarning, match="not finite") as warned:
        trainer.fit(model, data)
    assert sum("not finite" in str(warning.message) for warning in warned) == 1
    assert trainer.current_epoch == 3 and drawn(tmp_path) == []


def test_a_dead_network_is_drawn_without_a_warning(make_trainer, model, data, tmp_path):
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    callback = EmbeddingPCA(every_n_epochs=0)
    make_trainer(callbacks=[callback], max_epochs=1).fit(model, data)
    assert callback.scores["val/features_silhouette"] == 0
    assert "embeddings.png" in drawn(tmp_path)


def test_nothing_is_drawn_in_a_fast_dev_run(make_trainer, model, data, tmp_path):
    callback = EmbeddingPCA()
    make_trainer(callbacks=[callback], fast_dev_run=True).fit(model, data)
    assert callback.scores == {} and drawn(tmp_path) == []


def test_the_table_is_capped(make_trainer, model, data, wandb_record, monkeypatch):
    monkeypatch.setattr("alexnet_lightning.callbacks.embedding_pca.TABLE_ROWS", 10)
    make_trainer(callbacks=[EmbeddingPCA(every_n_epochs=0)], max_epochs=1).fit(model, data)
    columns, rows = wandb_record.tables["embeddings"]
    assert columns == ["tap", "class", "pc1", "pc2"]
    assert [row[0] for row in rows] == ["features"] * 5 + ["penultimate"] * 5
    assert [row[1] for row in rows[:3]] == ["airplane", "automobile", "bird"]


def test_classes_beyond_the_most_frequent_are_named_together(make_trainer, data, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "alexnet_lightning.callbacks.embedding_pca.save_figure",
        lambda trainer, figure, name: seen.append(figure) or _written(trainer, name),
    )
    trainer = make_trainer()
    trainer.datamodule = data
    labels = torch.tensor([0, 1, 1, 2, 2])
    projection = Projection(torch.randn(5, 2), (0.5, 0.25), 12)
    callback = EmbeddingPCA(max_classes=2)
    callback._draw(trainer, {"features": projection, "penultimate": projection}, labels, 7)
    (figure,) = seen
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    assert legend == ["other classes", "automobile", "bird"]
    assert "2 most frequent of 3 classes" in figure.get_suptitle()
    assert figure.axes[0].get_xlabel() == "PC 1 (50.0% of variance)"


def _written(trainer, name: str) -> Path:
    path = Path(trainer.default_root_dir) / f"{name}.png"
    path.touch()
    return path


def test_most_frequent_prefers_the_lower_label_on_a_tie():
    assert most_frequent(torch.tensor([4, 4, 3, 1, 1, 0]), 3) == [0, 1, 4]


@pytest.mark.parametrize(
    "argument", [{"every_n_epochs": -1}, {"count": 2}, {"max_classes": 0}], ids=str
)
def test_an_argument_out_of_range_is_named(argument):
    (name,) = argument
    with pytest.raises(UserError, match=f"EmbeddingPCA.{name}: expected .* got"):
        EmbeddingPCA(**argument)
