"""The script of the full-size studies, rehearsed: pieces that continue each other to the end."""

import csv
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml

from .test_benchmarks import BENCHMARKS

OVER = 142  # the exit status of a piece


def piece(*flags: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [str(BENCHMARKS / "full_size.sh"), *map(str, flags)],
        env=os.environ | {"PYTHON": sys.executable, "WANDB_MODE": "disabled"},
        capture_output=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.all_cores
def test_pieces_continue_each_other_to_the_end(quick_config: Path, tmp_path: Path) -> None:
    plan, out = tmp_path / "plan.yaml", tmp_path / "out"
    content = {
        "title": "In pieces",
        "base": [str(quick_config)],
        "overrides": {"trainer.max_epochs": 20},
        "variants": {"a": {}, "b": {}},
        "seeds": [1],
    }
    plan.write_text(yaml.safe_dump(content, sort_keys=False))
    flags = ["--rehearse", "--studies", plan, "--runs", tmp_path / "runs", "--out", out]
    done = piece(*flags, "--minutes", 0.1)  # the acceptance alone takes longer
    assert done.returncode == OVER, done.stdout + done.stderr
    assert (out / "acceptance.json").is_file() and not (tmp_path / "runs").exists()
    for _ in range(20):
        done = piece(*flags, "--minutes", 1)
        if done.returncode != OVER:
            break
    assert done.returncode == 0, done.stdout + done.stderr
    assert "all runs are finished" in done.stdout
    kept = {path.name for path in (out / "plan").iterdir()}
    assert {"runs.csv", "curves.csv", "report.md", "study.yaml"} <= kept
    with (out / "plan" / "runs.csv").open() as file:
        assert [row["variant"] for row in csv.DictReader(file)] == ["a", "b"]
    again = piece(*flags)
    assert again.returncode == 0 and "checking" not in again.stderr, "nothing is left to do"


@pytest.mark.slow  # torch and Lightning are imported once more
@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_nothing_is_trained_where_the_check_fails(tmp_path: Path) -> None:
    done = piece("--out", tmp_path / "out", "--runs", tmp_path / "runs")
    assert done.returncode == 1
    assert "torch finds no GPU here" in done.stderr
    assert not (tmp_path / "runs").exists() and not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ("", "--out: give a folder"),
        ("--out", "--out: give a value"),
        ("--out /dev/null --minutes soon", "--minutes: soon: give a number"),
        ("--out /dev/null --fast 1", "--fast: no such option"),
    ],
)
def test_a_mistake_is_one_line(flags: str, reason: str) -> None:
    done = piece(*flags.split())
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {reason}") and done.stderr.count("\n") == 1
