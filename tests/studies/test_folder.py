"""Which runs of a study are finished; runs with other settings are refused."""

from dataclasses import replace
from pathlib import Path

import pytest

from alexnet_lightning.studies.folder import check_unchanged, differences, find, listing
from alexnet_lightning.studies.grid import grid
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder
from tests.studies.made_up import make_run


def test_a_run_is_found_by_variant_and_seed_the_finished_one_first(
    plan: Study, tmp_path: Path
) -> None:
    run, *others = grid(plan)
    finished = make_run(run, tmp_path, {}, "20260101-000000")
    make_run(run, tmp_path, None, "20260102-000000")
    cell = find(run, tmp_path)
    assert cell.folder is not None and cell.folder.path == finished
    assert cell.state == "finished"
    assert {find(other, tmp_path).state for other in others} == {"waiting"}


def test_a_run_under_way_is_running_and_one_left_is_broken(plan: Study, tmp_path: Path) -> None:
    run = grid(plan)[0]
    folder = RunFolder(make_run(run, tmp_path, None, "20260101-000000"))
    assert find(run, tmp_path).state == "broken"
    folder.lock()
    assert find(run, tmp_path).state == "running"
    folder.unlock()
    assert find(run, tmp_path).state == "broken"


def test_another_setting_than_the_run_was_begun_with_is_refused(
    plan: Study, tmp_path: Path
) -> None:
    run = grid(plan)[0]
    folder = make_run(run, tmp_path, {}, "20260101-000000")
    check_unchanged(find(run, tmp_path), tmp_path)
    changed = grid(replace(plan, overrides={**plan.overrides, "trainer.max_epochs": 7}))[0]
    with pytest.raises(UserError, match=r"trainer\.max_epochs") as error:
        check_unchanged(find(changed, tmp_path), tmp_path)
    assert str(folder) in str(error.value)


def test_the_list_estimates_time_from_runs_of_the_same_variant(plan: Study, tmp_path: Path) -> None:
    runs = grid(plan)
    for run, seconds in zip(runs[:3], (60.0, 600.0, 120.0), strict=True):
        make_run(run, tmp_path, {"seconds": seconds, "test/top1": 0.5}, "20260101-000000")
    text = listing([find(run, tmp_path) for run in runs], jobs=2)
    assert [line.split()[-1] for line in text.splitlines()[3:6]] == ["waiting"] * 3
    assert "50.00% test top-1, 60 s" in text
    assert "3 of 6 finished; about 6 min left, 2 at a time" in text  # 780 s / 2


def test_differences_are_dotted_keys_with_values() -> None:
    one = {"a": {"b": 1, "c": [1]}, "d": None}
    other = {"a": {"b": 2, "c": [1]}, "e": 3}
    assert differences(one, other) == {"a.b": 2, "e": 3}
    assert differences(other, one) == {"a.b": 1}, "null is as good as missing"
