"""spreads.csv of a run, and of one that goes on from an earlier step."""

import math
from pathlib import Path

import pytest

from alexnet_lightning.callbacks import LayerSpreads
from alexnet_lightning.callbacks.layer_spreads import read, write
from alexnet_lightning.fit import main as fit
from alexnet_lightning.system.errors import UserError


def test_a_run_tells_its_spreads_and_trains_the_same(
    quick_config: Path, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    flags = ["--config", str(quick_config), "--trainer.max_epochs", "1", "--test", "false"]
    looking = ["--trainer.callbacks+", "LayerSpreads", "--trainer.callbacks.steps", "[0, 3]"]
    for name, more in (("plain", []), ("looking", looking)):
        fit([*flags, *more, "--name", name])
    (table,) = in_tmp.glob("runs/looking/*/spreads.csv")
    rows = read(table)
    assert {row["step"] for row in rows} == {"0", "3"}
    assert [row["layer"].split(".")[-1] for row in rows[:8]][-1] == "fc8"
    assert all(0 < float(row[kind]) < math.inf for row in rows for kind in ("forward", "backward"))
    curves = [
        [(row["train/loss"], row["val/loss"]) for row in read(path)]
        for path in sorted(in_tmp.glob("runs/*/*/metrics.csv"))
    ]
    assert curves[0] == curves[1]


def test_a_step_done_again_replaces_its_rows(tmp_path: Path) -> None:
    path = tmp_path / "spreads.csv"
    write(path, 0, [("a", 1.0, 2.0)])
    write(path, 5, [("a", 3.0, 4.0)])
    write(path, 5, [("a", 5.0, 6.0)])
    assert [(row["step"], row["forward"]) for row in read(path)] == [("0", "1.0"), ("5", "5.0")]


@pytest.mark.parametrize(("wrong", "key"), [({"steps": [-1]}, "steps"), ({"images": 1}, "images")])
def test_what_cannot_be_looked_at_is_refused(wrong: dict[str, object], key: str) -> None:
    with pytest.raises(UserError, match=f"LayerSpreads.{key}"):
        LayerSpreads(**wrong)  # type: ignore[arg-type]
