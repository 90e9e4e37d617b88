"""When the embeddings are drawn, what is logged, and that training stays the same."""

from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from alexnet_lightning.callbacks import EmbeddingPCA
from alexnet_lightning.system.errors import UserError

SCORES = {f"val/{name}_{s}" for name in ("features", "penultimate") for s in ("knn5", "silhouette")}
SCORES |= {"val/embedded_images"}


def drawn(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "figures").glob("*.png"))


def test_draws_and_logs_the_first_every_nth_and_the_last_epoch(make_trainer, model, data, tmp_path):
    callback = EmbeddingPCA(every_n_epochs=2)
    trainer = make_trainer(callback)
    trainer.fit(model, data)
    epochs = [f"embeddings_epoch_{epoch:03d}.png" for epoch in (1, 2, 3)]
    assert drawn(tmp_path) == ["embeddings.png", *epochs]
    latest = (tmp_path / "figures" / "embeddings.png").read_bytes()
    assert latest == (tmp_path / "figures" / epochs[-1]).read_bytes()
    assert latest.startswith(b"\x89PNG")

    rows = [row for row in trainer.logger.rows if row.keys() >= SCORES]
    assert [row["epoch"] for row in rows] == [0, 1, 2]
    assert all("val/loss" in row and "train/loss" in row for row in rows)
    assert callback.scores == {key: rows[-1][key] for key in SCORES}


def test_the_last_epoch_is_drawn_once(make_trainer, model, data, wandb_logger):
    make_trainer(EmbeddingPCA(every_n_epochs=2), max_epochs=2).fit(model, data)
    assert wandb_logger.log_image.call_count == 2


def test_training_stays_the_same(changes_training, tmp_path):
    assert not changes_training(EmbeddingPCA(every_n_epochs=0))
    assert drawn(tmp_path) == ["embeddings.png", "embeddings_epoch_003.png"]


def test_signs_survive_a_resume(make_trainer, model, data, tmp_path):
    callback = EmbeddingPCA(every_n_epochs=1)
    saving = ModelCheckpoint(tmp_path, filename="last", save_on_train_epoch_end=True)
    drawn = []
    save = saving.on_train_epoch_end
    saving.on_train_epoch_end = lambda *args: (drawn.append(callback.state_dict()), save(*args))
    trainer = make_trainer(callback, saving, enable_checkpointing=True, max_epochs=2)
    trainer.fit(model, data)
    state = torch.load(tmp_path / "last.ckpt", weights_only=True)["callbacks"]["EmbeddingPCA"]
    resumed = EmbeddingPCA()
    resumed.load_state_dict(state)
    coordinates = resumed.state_dict()["coordinates"]
    assert coordinates.keys() == {"features", "penultimate"}
    for name, before in drawn[-1]["coordinates"].items():
        assert torch.equal(coordinates[name], before)


def test_embeddings_that_are_not_finite_warn_once_and_training_goes_on(
    make_trainer, model, data, tmp_path
):
    torch.nn.init.constant_(model.network.features.conv1.weight, float("nan"))
    trainer = make_trainer(EmbeddingPCA(every_n_epochs=1))
    with pytest.warns(UserWarning, match="not finite") as warned:
        trainer.fit(model, data)
    assert sum("not finite" in str(warning.message) for warning in warned) == 1
    assert trainer.current_epoch == 3 and drawn(tmp_path) == []


def test_a_dead_network_is_drawn_without_a_warning(make_trainer, model, data, tmp_path):
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    callback = EmbeddingPCA(every_n_epochs=0)
    make_trainer(callback, max_epochs=1).fit(model, data)
    assert callback.scores["val/features_silhouette"] == 0
    assert "embeddings.png" in drawn(tmp_path)


def test_nothing_is_drawn_in_a_fast_dev_run(make_trainer, model, data, tmp_path):
    callback = EmbeddingPCA()
    make_trainer(callback, fast_dev_run=True).fit(model, data)
    assert callback.scores == {} and drawn(tmp_path) == []


def test_the_table_is_capped(make_trainer, model, data, wandb_logger, monkeypatch):
    monkeypatch.setattr("alexnet_lightning.callbacks.embedding_pca.TABLE_ROWS", 10)
    make_trainer(EmbeddingPCA(every_n_epochs=0), max_epochs=1).fit(model, data)
    key, columns, rows = wandb_logger.log_table.call_args.args
    assert (key, columns) == ("embeddings", ["space", "class", "pc1", "pc2"])
    assert [row[0] for row in rows] == ["features"] * 5 + ["penultimate"] * 5
    labels = data.sample("val", 5)[1].tolist()
    assert [row[1] for row in rows] == [data.class_names[label] for label in labels] * 2


@pytest.mark.parametrize(
    "argument", [{"every_n_epochs": -1}, {"count": 2}, {"max_classes": 0}], ids=str
)
def test_an_argument_out_of_range_is_named(argument):
    (name,) = argument
    with pytest.raises(UserError, match=f"EmbeddingPCA.{name} is .* >= "):
        EmbeddingPCA(**argument)
