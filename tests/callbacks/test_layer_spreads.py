"""spreads.csv of a run, and of one that resumes at an earlier step."""

import math

import pytest

from alexnet_lightning.callbacks import LayerSpreads
from alexnet_lightning.callbacks.layer_spreads import write
from alexnet_lightning.system.errors import UserError


def test_a_run_writes_its_spreads_and_trains_the_same(changes_training, read_csv):
    assert not changes_training(LayerSpreads(steps=[0, 3]))
    rows = read_csv("spreads.csv")
    assert [row["step"] for row in rows] == ["0"] * 8 + ["3"] * 8
    assert [row["layer"] for row in rows[6:8]] == ["classifier.fc7", "classifier.fc8"]
    assert all(0 < float(row[kind]) < math.inf for row in rows for kind in ("forward", "backward"))


def test_a_repeated_step_replaces_its_rows(tmp_path, read_csv):
    path = tmp_path / "spreads.csv"
    write(path, 0, [("a", 1.0, 2.0)])
    write(path, 5, [("a", 3.0, 4.0)])
    write(path, 5, [("a", 5.0, 6.0)])
    rows = read_csv("spreads.csv")
    assert [(row["step"], row["forward"]) for row in rows] == [("0", "1.0"), ("5", "5.0")]


@pytest.mark.parametrize(("wrong", "key"), [({"steps": [-1]}, "steps"), ({"images": 1}, "images")])
def test_arguments_out_of_range_are_refused(wrong, key):
    with pytest.raises(UserError, match=f"LayerSpreads.{key}"):
        LayerSpreads(**wrong)
