"""Targets against scipy's one-sided test, and the costs that stand beside them."""

from dataclasses import replace

import pytest
from scipy import stats

from alexnet_lightning.studies.document import document
from alexnet_lightning.studies.plan import Study, Variant, check_study
from alexnet_lightning.studies.rows import Evidence, operations
from alexnet_lightning.studies.targets import passed, report
from alexnet_lightning.system.errors import UserError

TOP1 = {"far": (0.93, 0.932, 0.931), "near": (0.91, 0.90, 0.906), "below": (0.88, 0.89, 0.885)}
STUDY = Study(
    title="A study",
    base=["base.yaml"],
    variants={name: Variant(target=0.903) for name in (*TOP1, "one", "waiting")}
    | {"untargeted": Variant()},
    seeds=[1, 2, 3],
)
COSTS = {
    "seconds": 600.0, "multiply_adds": 118_147_360, "epochs": 8, "data/train_images": 50_000,
    "versions": "torch 2", "git_commit": "0123456789", "data/fingerprint": "abc",
}  # fmt: skip
RUNS = [
    {"variant": name, "seed": seed, "test/top1": top1} | COSTS
    for name, values in (TOP1 | {"one": (0.95,), "untargeted": (0.5,)}).items()
    for seed, top1 in enumerate(values, 1)
]
EVIDENCE = Evidence(RUNS, [], [])


def test_a_target_is_passed_by_a_one_sided_t_test() -> None:
    found = {each.variant: each for each in passed(STUDY, EVIDENCE)}
    assert set(found) == {*TOP1, "one"}
    for name, values in TOP1.items():
        p = stats.ttest_1samp(values, 0.903, alternative="greater").pvalue
        assert found[name].p == pytest.approx(p)
    verdicts = {name: each.verdict for name, each in found.items()}
    assert verdicts == {
        "far": "passed", "near": "above, not shown", "below": "below, not passed", "one": "one run",
    }  # fmt: skip


def test_operations_are_those_of_three_passes_over_all_images() -> None:
    assert operations(RUNS[0]) == 6 * 118_147_360 * 50_000 * 8  # Jordan: 0.29 PFLOP
    earlier = {name: value for name, value in RUNS[0].items() if name != "data/train_images"}
    assert operations(earlier) is None


def test_the_report_has_a_line_per_target_and_per_run() -> None:
    rows = [row | {"machine/gflops_before": 80.0, "machine/gflops_after": 84.4} for row in RUNS]
    targets, _, runs, ran = report(STUDY, Evidence(rows, [], []))
    assert "| 90.30 % | far | 3 | 93.10 ± 0.25 % | < 0.001 | passed | 10.0 min |" in targets
    assert "| 90.30 % | one | 1 | 95.00 % | – | one run | 10.0 min |" in targets
    line = "| far | 1 | 93.00% | 10.0 min | 0.284 PFLOP | 473 GFLOP/s | 80, 84 GFLOP/s | 0123456 |"
    assert line in runs
    assert "abc" in ran
    assert targets in document(STUDY, Evidence(rows, [], []), "", {})
    assert report(replace(STUDY, variants={"far": Variant()}), EVIDENCE) == []


def test_a_run_without_a_test_is_left_out() -> None:
    untested = {name: value for name, value in RUNS[0].items() if name != "test/top1"} | {"seed": 4}
    assert report(STUDY, Evidence([*RUNS, untested], [], [])) == report(STUDY, EVIDENCE)


def test_a_target_is_a_fraction() -> None:
    with pytest.raises(UserError, match=r"variants\.a\.target: 94: give an accuracy from 0 to 1"):
        check_study(replace(STUDY, variants={"a": Variant(target=94)}))
