"""Run folders: never shared, never half written."""

import json
import re
from pathlib import Path

import pytest

from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import (
    RunFolder,
    git_commit,
    in_new_words,
    machine,
    versions,
)


def test_two_runs_in_the_same_second_do_not_share_a_folder(tmp_path: Path) -> None:
    runs = [RunFolder.create(tmp_path, "digits") for _ in range(5)]
    assert len({run.path for run in runs}) == 5
    assert all(re.fullmatch(r"\d{8}-\d{6}(-\d)?", run.path.name) for run in runs)
    assert runs[0].name == f"digits/{runs[0].path.name}"


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(UserError, match=r"--runs_dir: cannot make .*runs.*Not a directory"):
        RunFolder.create(tmp_path / "runs", "digits")


def test_what_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    for name in (tmp_path, "latest", "digits"):
        with pytest.raises(UserError, match="no run there; give a run folder"):
            RunFolder.find(name, tmp_path / "runs")


def test_a_run_is_found_by_its_folder_its_configs_name_or_as_the_latest(tmp_path: Path) -> None:
    for name in ("digits/20260101-000000", "cifar/20260103-000000", "digits/20260102-000000"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "config.yaml").touch()
    of_wandb = tmp_path / "cifar/20260103-000000/wandb/run-20260103_000001-abcdefgh/files"
    of_wandb.mkdir(parents=True)
    (of_wandb / "config.yaml").touch()
    found = {
        key: RunFolder.find(key, tmp_path).name
        for key in ("latest", "digits", tmp_path / "digits", tmp_path / "digits/20260101-000000")
    }
    assert list(found.values()) == [
        "cifar/20260103-000000",
        "digits/20260102-000000",
        "digits/20260102-000000",
        "digits/20260101-000000",
    ]


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no checkpoint last\.ckpt; the run"):
        RunFolder(tmp_path).checkpoint("last")


def test_the_summary_is_flat_json(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_summary({"val/top1": 0.5, "git_commit": None})
    assert json.loads(run.summary.read_text()) == {"val/top1": 0.5, "git_commit": None}
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_a_damaged_summary_is_named(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.summary.write_text('{"val/top1": 0.')
    with pytest.raises(UserError, match=r"summary.json: cannot be read as the figures of a run"):
        run.read_summary()


def test_versions_machine_and_commit_say_what_ran() -> None:
    assert re.fullmatch(r".+ \([A-Z]\w+\), (1 of )?\d+ cores(, .+)?", machine())
    assert re.search(r"python 3\.\d+.*torch \d.*lightning \d.*wandb \d", versions())
    assert git_commit() is None or re.fullmatch(r"[0-9a-f]{40}(\+changes)?", git_commit() or "")


@pytest.mark.parametrize(
    ("earlier", "now"),
    [
        (
            "freeze_trunk: true\ntrunk_lr_factor: 1.0",
            "freeze_backbone: true\nbackbone_lr_factor: 1.0",
        ),
        ("--model.freeze_trunk", "--model.freeze_backbone"),
        ("trunk_lr_factor", "backbone_lr_factor"),
        ("- class_path: LayerSpreads", "- class_path: LayerStatistics"),
        ("runs_dir: trunk_lr_factor/a\nname: freeze_trunk", None),
    ],
)
def test_what_had_other_names(earlier: str, now: str | None) -> None:
    assert in_new_words(earlier) == (now or earlier)
