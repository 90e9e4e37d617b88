"""A study as a user runs it: done in one go, or killed half-way and started again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from filelock import FileLock

from alexnet_lightning.report import report
from alexnet_lightning.studies.contrasts import contrasts
from alexnet_lightning.studies.plan import read_study
from alexnet_lightning.studies.rows import Evidence, read
from alexnet_lightning.studies.stages import check_declared, evidence_of
from alexnet_lightning.study import main, study
from alexnet_lightning.system.errors import UserError

HOUSE = Path(__file__).parents[1]
SMOKE = HOUSE / "configs" / "studies" / "smoke.yaml"
OF_THE_CLOCK = ("date", "seconds", "train/images_per_second")


def start(plan: Path, *flags: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "alexnet_lightning.study", "--config", str(plan), *map(str, flags)],
        cwd=HOUSE,
        env={**os.environ, "WANDB_MODE": "disabled", "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def without_the_clock(evidence: Evidence) -> Evidence:
    rows, curves = (
        [{k: v for k, v in row.items() if k not in OF_THE_CLOCK} for row in part]
        for part in (evidence.runs, evidence.curves)
    )
    return Evidence(rows, curves, evidence.layer_statistics)


def test_a_value_that_fit_refuses_is_found_before_the_first_run(
    quick_config: Path, in_tmp: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variants = {"good": {}, "bad": {"overrides": {"model.width": 0}}}
    content = {"title": "x", "base": [str(quick_config)], "variants": variants, "seeds": [1, 2]}
    (in_tmp / "plan.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"bad-seed1: AlexNetBN: width is .*: give a number > 0"):
        study("plan.yaml")
    assert not (in_tmp / "runs").exists()


@pytest.mark.slow
@pytest.mark.all_cores
def test_killed_half_way_and_started_again_it_gives_the_same_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(HOUSE)
    content = yaml.safe_load(SMOKE.read_text())
    content["variants"] = {key: content["variants"][key] for key in ("original", "batch_norm")}
    content["questions"] = content["questions"][:1]
    smoke = tmp_path / "smoke.yaml"
    smoke.write_text(yaml.safe_dump(content, sort_keys=False))
    whole = start(smoke, "--output", tmp_path / "whole", "--jobs", 2)
    assert whole.communicate()[0].endswith(f"alexnet_lightning.report {tmp_path / 'whole'}\n")

    cut = start(smoke, "--output", tmp_path / "cut", "--jobs", 2)
    while not list((tmp_path / "cut").glob("*/*/summary.json")):
        time.sleep(0.2)
        assert cut.poll() is None
    cut.send_signal(signal.SIGTERM)
    cut.communicate()
    assert cut.returncode == 128 + signal.SIGTERM
    done = len(list((tmp_path / "cut").glob("*/*/summary.json")))
    assert 1 <= done < 4
    again = start(smoke, "--output", tmp_path / "cut", "--jobs", 2)
    assert "all 4 runs are finished" in again.communicate()[0]
    assert again.returncode == 0

    for name in ("whole", "cut"):
        report(tmp_path / name)
    rows = [read(tmp_path / name) for name in ("whole", "cut")]
    assert without_the_clock(rows[0]) == without_the_clock(rows[1])
    assert len(rows[0].runs) == 4 and rows[0].layer_statistics
    plan = read_study(smoke)
    texts = [(tmp_path / name / "report.md").read_text() for name in ("whole", "cut")]
    for found in contrasts(plan, rows[0]):
        assert all(found.verdict in text for text in texts)
    assert "embeddings_batch_norm.png" in texts[0]


@pytest.mark.slow
@pytest.mark.all_cores
def test_after_its_minutes_a_study_saves_what_runs_and_starts_no_more(
    quick_config: Path, tmp_path: Path
) -> None:
    plan = {
        "title": "Longer than its minutes",
        "base": [str(quick_config)],
        "overrides": {"trainer.max_epochs": 100_000},
        "variants": {"first": {}, "second": {}},
        "seeds": [1],
    }
    path, output = tmp_path / "plan.yaml", tmp_path / "runs"
    path.write_text(yaml.safe_dump(plan, sort_keys=False))
    began = time.monotonic()
    stopped = start(path, "--output", output, "--minutes", 0.6)
    said = stopped.communicate()[0]
    assert 30 < time.monotonic() - began < 75
    assert stopped.returncode == 128 + signal.SIGALRM
    assert "the 0.6 minutes are over; the same command continues" in said
    (last,) = output.glob("*/*/checkpoints/last.ckpt")
    assert last.parts[-4] == "first" and not list(output.glob("*/*/summary.json"))


@pytest.mark.slow
@pytest.mark.all_cores
def test_a_run_that_fails_is_named_and_the_others_go_on(
    quick_config: Path,
    in_tmp: Path,
    outcome: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = {
        "title": "One that fails",
        "base": [str(quick_config)],
        "overrides": {"trainer.max_epochs": 1, "test": False},
        "variants": {
            "bad": {"overrides": {"data": "CIFAR10DataModule", "data.root": "nowhere"}},
            "good": {},
        },
        "seeds": [1],
    }
    Path("plan.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    monkeypatch.setenv("WANDB_MODE", "disabled")
    status, out, _ = outcome(main, "--config", "plan.yaml")
    assert status == 1
    assert "failed: bad-seed1; see runs/plan/logs" in out
    assert "nowhere" in Path("runs/plan/logs/bad-seed1.log").read_text()
    assert len(list(Path("runs/plan/good").glob("*/summary.json"))) == 1


def rate_of(path: Path) -> float:
    """Return the learning rate of the run that a file belongs to."""
    config = yaml.safe_load((path.parent / "config.yaml").read_text())
    return float(config["model"]["init_args"]["optimizer"]["init_args"]["lr"])


@pytest.mark.slow
@pytest.mark.all_cores
def test_rates_are_tried_chosen_and_then_used(
    quick_config: Path,
    in_tmp: Path,
    outcome: Callable[..., tuple[int, str, str]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plan = {
        "title": "Tuned",
        "base": [str(quick_config)],
        "overrides": {"trainer.max_epochs": 1},
        "variants": {"only": {}},
        "seeds": [1],
        "tune": {"grid": {"model.optimizer.lr": [1e-9, 0.001]}, "seeds": [7], "metric": "val/loss"},
    }
    Path("plan.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    monkeypatch.setenv("WANDB_MODE", "disabled")
    assert outcome(main, "--config", "plan.yaml")[0] == 0
    tried = {
        rate_of(path): json.loads(path.read_text())
        for path in Path("runs/plan/tuning").rglob("summary.json")
    }
    assert len(tried) == 2 and not any("test/top1" in each for each in tried.values())
    best = min(tried, key=lambda rate: tried[rate]["val/loss"])
    (config,) = Path("runs/plan/only").glob("*/config.yaml")
    assert rate_of(config) == best
    began = config.stat().st_mtime
    assert study("plan.yaml") == [] and config.stat().st_mtime == began
    _, said, _ = outcome(main, "--config", "plan.yaml", "--list")
    assert "2 of 2 finished" in said and "1 of 1 finished" in said
    report("runs/plan")
    text = Path("runs/plan/report.md").read_text()
    assert "## Tuning" in text and f"| lr {best} | model.optimizer.lr |" in text
    rows = read(Path("runs/plan"))
    assert len(rows.tuning) == 2 and f"lr={best}" in rows.runs[0]["overrides"]


def test_a_question_that_becomes_primary_after_the_runs_is_refused(
    quick_config: Path, in_tmp: Path
) -> None:
    asked = {"ask": "Why?", "of": "a", "against": "b", "primary": True}
    plan = {"title": "x", "base": [str(quick_config)], "variants": {"a": {}, "b": {}}, "seeds": [1]}
    declared = yaml.safe_dump(plan | {"questions": [asked]})
    Path("runs/plan/a/20260101-000000").mkdir(parents=True)
    folder = Path("runs/plan")
    (folder / "study.yaml").write_text(
        yaml.safe_dump(plan | {"questions": [asked | {"primary": False}]})
    )
    Path("plan.yaml").write_text(declared)
    check_declared(read_study(Path("plan.yaml")), folder)  # nothing is known yet
    (folder / "a/20260101-000000/summary.json").write_text("{}")
    with pytest.raises(UserError, match=r"Why\?: primary since runs in runs/plan have finished"):
        study("plan.yaml")
    (folder / "study.yaml").write_text(declared)
    check_declared(read_study(Path("plan.yaml")), folder)


def test_a_configuration_that_fit_refuses_stops_the_study_before_its_first_run(
    quick_config: Path, in_tmp: Path
) -> None:
    plan = {
        "title": "Wrong",
        "base": [str(quick_config)],
        "variants": {"good": {}, "bad": {"overrides": {"model.widht": 1}}},
        "seeds": [1],
    }
    Path("plan.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    with pytest.raises(UserError, match=r"bad-seed1: .*widht.*did you mean width"):
        study("plan.yaml")
    assert not Path("runs").exists()


def test_two_studies_at_once_in_one_folder_are_refused(quick_config: Path, in_tmp: Path) -> None:
    plan = {"title": "x", "base": [str(quick_config)], "variants": {"a": {}}, "seeds": [1]}
    Path("plan.yaml").write_text(yaml.safe_dump(plan))
    Path("runs/plan").mkdir(parents=True)
    with FileLock("runs/plan/.lock"), pytest.raises(UserError, match="another process"):
        study("plan.yaml")


@pytest.mark.slow
def test_a_report_is_reproduced_to_the_last_digit(
    quick_config: Path, in_tmp: Path, outcome: Callable[..., tuple[int, str, str]]
) -> None:
    overrides = {"trainer.max_epochs": 1, "trainer.logger": False}
    plan = {"title": "x", "base": [str(quick_config)], "variants": {"a": {}}, "seeds": [1]}
    Path("plan.yaml").write_text(yaml.safe_dump(plan | {"overrides": overrides}))
    study("plan.yaml")
    report("plan", "results/plan")
    status, said, _ = outcome(main, "--reproduce", "results/plan/a")
    assert (status, said.splitlines()[-1]) == (0, "a: 1 of 1 runs equal to the last digit")
    rows = Path("results/plan/runs.csv")
    top1 = str(read(rows.parent).runs[0]["test/top1"])
    rows.write_text(rows.read_text().replace(top1, "0.5"))
    status, _, wrong = outcome(main, "--reproduce", "results/plan")
    assert (status, "not all of it was reproduced" in wrong) == (2, True)


@pytest.mark.slow
def test_finished_runs_get_the_tests_that_they_lack(quick_config: Path, in_tmp: Path) -> None:
    overrides = {"trainer.max_epochs": 1, "trainer.logger": False}
    plan = {"title": "x", "base": [str(quick_config)], "variants": {"a": {}}, "seeds": [1]}
    Path("plan.yaml").write_text(yaml.safe_dump(plan | {"overrides": overrides}))
    study("plan.yaml")
    tests = {"again": {}, "flip": {"data.views": "flip"}}
    Path("plan.yaml").write_text(
        yaml.safe_dump(plan | {"overrides": overrides, "also_test": tests})
    )
    study("plan.yaml")
    (row,) = evidence_of(read_study(Path("plan.yaml")), Path("runs/plan")).runs
    assert row["test again/loss"] == row["test/loss"] != row["test flip/loss"]
    assert len([*Path("runs/plan/a").iterdir()]) == 1, "nothing is trained again"


def test_the_list_runs_nothing(
    quick_config: Path, in_tmp: Path, outcome: Callable[..., tuple[int, str, str]]
) -> None:
    plan = {"title": "x", "base": [str(quick_config)], "variants": {"a": {}}, "seeds": [1, 2]}
    Path("plan.yaml").write_text(yaml.safe_dump(plan))
    status, said, _ = outcome(main, "--config", "plan.yaml", "--list")
    assert (status, "0 of 2 finished" in said) == (0, True)
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ("", "--config: give the file of a study"),
        ("--reproduce nowhere", "--reproduce: nowhere: no report of a study"),
        ("--reproduce results/x --plan", "--reproduce: leave out --full, --slurm"),
        ("--config plan.yaml --jobs 0", "--jobs: 0: give a number >= 1"),
        (
            "--config plan.yaml --list --slurm",
            "--list, --slurm, --sweep and --plan: give one of them",
        ),
        ("--config plan.yaml --minutes 0", "--minutes: 0.0: give a number > 0"),
        ("--config plan.yaml --list --minutes 5", "--minutes: 5.0: give a number > 0, and no"),
        ("--config nowhere.yaml", "--config: cannot read nowhere.yaml"),
        ("--config plan.yaml --output /dev/null/x", "--output: cannot write /dev/null/x"),
    ],
)
def test_a_mistake_is_one_line(
    flags: str,
    reason: str,
    quick_config: Path,
    in_tmp: Path,
    outcome: Callable[..., tuple[int, str, str]],
) -> None:
    plan = {"title": "x", "base": [str(quick_config)], "variants": {"a": {}}, "seeds": [1]}
    Path("plan.yaml").write_text(yaml.safe_dump(plan))
    status, _, wrong = outcome(main, *flags.split())
    assert status == 2
    assert wrong.startswith(f"error: {reason}") and wrong.count("\n") == 1
