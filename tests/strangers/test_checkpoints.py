"""Checkpoints other than the usual: the right one is tested and named, or why not is said."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.strangers.conftest import Case

FIT = "fit --config {quick} --embedding_pca.every_n_epochs 0 --trainer.max_epochs 1 "
TRAINED = r"^run +runs/quick/\S+$"
REFUSED = [
    Case(f"{FIT} --checkpoint.{flag}", rf"^error: checkpoint\.{flag.split()[0]} is .+: {why}")
    for flag, why in (
        ("dirpath there", "checkpoints lie in the run folder; --runs_dir says where"),
        ("save_last true", "last.ckpt is always kept"),
        ("save_on_exception true", "last.ckpt is kept then"),
        ("every_n_train_steps 3", "a best checkpoint needs a validation"),
        ("train_time_interval 0:0:9", "a best checkpoint needs a validation"),
        ("filename last", "give a name .*that does not begin with last"),
    )
]
NONE_BEST = [
    Case(FIT + "--trainer.check_val_every_n_epoch 5", TRAINED, 0),
    Case(FIT + "--trainer.max_steps 3", TRAINED, 0),
    Case(FIT + "--checkpoint.monitor null --trainer.limit_val_batches 0", TRAINED, 0),
]
EXTRA = "--trainer.callbacks+ ModelCheckpoint --trainer.callbacks.monitor val/loss"


@pytest.fixture(autouse=True)
def no_wandb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")


@pytest.fixture
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from PIL import Image

    path = tmp_path_factory.mktemp("images") / "one.png"
    Image.new("L", (8, 8), 99).save(path)
    return path


@pytest.mark.parametrize("case", REFUSED, ids=str)
def test_what_a_run_decides_itself_is_refused(case: Case, ends: Callable[..., Any]) -> None:
    ends(case)


@pytest.mark.parametrize("case", NONE_BEST, ids=str)
def test_without_a_best_checkpoint_the_last_is_tested(
    case: Case, ends: Callable[..., tuple[str, str]], in_tmp: Path
) -> None:
    out, _ = ends(case)
    assert "\ntest   " in out
    if "monitor null" not in case.command:  # which calls each epoch the best
        assert "\nweights     of last.ckpt, as " in out
        assert not list(in_tmp.rglob("best.ckpt"))


def test_a_run_without_steps_is_used_like_others(
    ends: Callable[..., tuple[str, str]], in_tmp: Path, image: Path
) -> None:
    ends(Case(FIT + "--trainer.max_epochs 0", TRAINED, 0))
    (run,) = in_tmp.glob("runs/quick/*")
    places = {"run": run, "image": image}
    _, err = ends(Case("predict {run} {image}", r"one.png .* %", 0), **places)
    assert f"{run} has no best.ckpt, which needs a validation: last.ckpt is taken" in err
    ends(Case("evaluate {run}", r"last\.ckpt \(epoch \d\)$", 0), **places)
    ends(Case("export {run} --format safetensors", r"^differs by ", 0), **places)
    _, err = ends(Case("explain {run} --what kernels best_last", r"kernels\.png$", 0), **places)
    assert "has no best.ckpt to compare: best_last is left out" in err
    ends(Case("report runs", r"report\.html$", 0), **places)
    ends(Case("fit --resume {run} --trainer.max_epochs 1", r"^run ", 0), **places)
    assert (run / "checkpoints" / "best.ckpt").is_file()


def test_a_checkpoint_callback_beside_ours_is_not_taken_for_it(
    ends: Callable[..., tuple[str, str]], in_tmp: Path, image: Path
) -> None:
    names = "--checkpoint.filename mine --trainer.callbacks.filename best --trainer.max_epochs 2"
    extra = EXTRA + " --trainer.callbacks.mode max --trainer.callbacks.save_last true "
    names += " --checkpoint.monitor val/loss --checkpoint.mode min"
    out, _ = ends(Case(FIT + extra + names, TRAINED, 0))
    assert "\nbest epoch  2 of 2\n" in out
    (run,) = in_tmp.glob("runs/quick/*")
    run = run.rename(run.with_name("moved"))
    found = {str(path.relative_to(run / "checkpoints")) for path in run.rglob("*.ckpt")}
    ours = {"best.ckpt", "mine.ckpt", "last.ckpt", "last-1.ckpt"}
    assert found == {*ours, "callback1/best.ckpt", "callback1/last.ckpt"}
    epochs = {
        name: torch.load(run / "checkpoints" / name, weights_only=True)["epoch"] for name in found
    }
    assert epochs["best.ckpt"] == 1 and epochs["callback1/best.ckpt"] == 0
    ends(Case("evaluate {run}", r"checkpoints/best\.ckpt \(epoch 2\)$", 0), run=run)
    out, _ = ends(Case("fit --resume {run} --trainer.max_epochs 3", r"^run ", 0), run=run)
    assert "\nbest epoch  3 of 3\n" in out
