"""Is a run that is trained again the same? Equal figures, the interval of repetitions, neither."""

from dataclasses import asdict
from pathlib import Path

import pytest
import yaml
from scipy import stats

from alexnet_lightning.studies.grid import find, grid
from alexnet_lightning.studies.plan import Study, Variant
from alexnet_lightning.studies.reproduction import compare, report_of, reported, with_rows
from alexnet_lightning.studies.rows import Evidence, write
from alexnet_lightning.system.errors import UserError

STUDY = Study(
    title="A study", base=["base.yaml"], variants={"a": Variant(), "b": Variant()}, seeds=[1, 2, 3]
)


def evidence(**top1: tuple[float, ...]) -> Evidence:
    rows = [
        {"variant": name, "seed": seed, "test/top1": each, "test/loss": 1 - each, "seconds": 1.0}
        for name, values in top1.items()
        for seed, each in enumerate(values, 1)
    ]
    return Evidence(rows, [], [])


BEFORE = evidence(a=(0.90, 0.91, 0.92), b=(0.5,))


def test_equal_figures_are_reproduced_to_the_last_digit() -> None:
    lines, good = compare(STUDY, BEFORE, BEFORE)
    assert good
    assert lines == [
        "a: 3 of 3 runs equal to the last digit",
        "b: 1 of 1 runs equal to the last digit",
    ]


def test_other_figures_are_held_against_the_interval_of_repetitions() -> None:
    # The standard deviation is 1 point, and two new runs were made.
    half = stats.t.ppf(0.975, 2) * (1 / 3 + 1 / 2) ** 0.5
    inside, outside = 0.91 + (half - 0.01) / 100, 0.91 + (half + 0.01) / 100
    lines, good = compare(STUDY, BEFORE, evidence(a=(inside, inside)))
    assert good
    assert lines[0].startswith(
        f"a: 0 of 2 runs equal to the last digit; reproduced within ± {half:.2f} points"
    )
    lines, good = compare(STUDY, BEFORE, evidence(a=(outside, outside)))
    assert not good
    assert "; not reproduced, outside of ±" in lines[0]


def test_one_other_run_has_no_interval() -> None:
    lines, good = compare(STUDY, BEFORE, evidence(a=(0.90, 0.91, 0.92), b=(0.51,)))
    assert not good
    assert "one run: no interval" in lines[1]


def test_runs_without_a_test_are_not_held_against_an_interval() -> None:
    runs = [{"variant": "a", "seed": seed, "train/loss": 1.0} for seed in (1, 2)]
    changed = [row | {"train/loss": 2.0} for row in runs]
    lines, good = compare(STUDY, Evidence(runs, [], []), Evidence(changed, [], []))
    assert not good
    assert lines[0].endswith(
        "0 of 2 runs equal to the last digit; not reproduced (runs without a test)"
    )


def test_only_runs_that_have_a_row_are_trained_again(tmp_path: Path) -> None:
    cells = [find(run, tmp_path) for run in grid(STUDY)]
    names = [cell.run.name for cell in with_rows(cells, BEFORE)]
    assert names == ["a-seed1", "b-seed1", "a-seed2", "a-seed3"]


def test_a_report_names_the_runs_to_make_again(tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(asdict(STUDY)))
    write(BEFORE, tmp_path)
    assert report_of(tmp_path / "b") == tmp_path
    assert [*reported(tmp_path).variants] == ["a", "b"]
    assert ([*reported(tmp_path / "b").variants], reported(tmp_path / "b").seeds) == (["b"], [1])
    with pytest.raises(UserError, match=r"runs\.csv has no run of c; it has a, b"):
        reported(tmp_path / "c")
    with pytest.raises(UserError, match="no report of a study"):
        report_of(tmp_path / "b" / "c")
