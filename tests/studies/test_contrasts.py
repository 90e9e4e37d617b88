"""What is said of a difference: shown, equivalent or undecided; of accuracies, losses and times."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

from alexnet_lightning.studies.contrasts import contrast, contrasts
from alexnet_lightning.studies.plan import Question, Study
from alexnet_lightning.studies.rows import Evidence

QUESTION = Question("?", "a", "b")


def rows(metric: str, sides: Mapping[str, Sequence[float]], **more: Any) -> Evidence:
    runs = [
        {"variant": name, "seed": seed, "seconds": 60.0, metric: value, **more}
        for name, values in sides.items()
        for seed, value in enumerate(values)
    ]
    return Evidence(runs, [], [])


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ((0.541, 0.539, 0.543), "gains 4.10 ± 0.50 points, n = 3"),
        ((0.459, 0.457, 0.461), "loses 4.10 ± 0.50 points, n = 3"),
        ((0.510, 0.500, 0.520), "undecided (+1.00 ± 2.48 points, n = 3)"),
        ((0.501, 0.499, 0.503), "within ± 1 point (+0.10 ± 0.50 points, n = 3)"),
        ((0.504, 0.504, 0.505), "gains 0.43 ± 0.14 points, n = 3, within ± 1 point"),
        ((0.500, 0.500, 0.500), "within ± 1 point (+0.00 ± 0.00 points, n = 3)"),
        ((0.2, 0.8), "undecided (+0.00 points, n = 2: too few for an interval)"),
        ((), "no runs to tell it by"),
    ],
)
def test_a_verdict_is_a_difference_or_an_equivalence_or_undecided(
    of: Sequence[float], words: str
) -> None:
    evidence = rows("test/top1", {"a": of, "b": (0.5, 0.5, 0.5)})
    assert contrast(QUESTION, evidence).verdict == words


def test_of_one_run_each_the_test_images_error_is_said() -> None:
    evidence = rows("test/top1", {"a": [0.5], "b": [0.4]}, **{"test/images": 10_000})
    wanted = "one run: +10.00 points, no interval, the test images alone have a standard error of "
    assert contrast(QUESTION, evidence).verdict == wanted + "0.70"  # 100 √(.25 + .24) / 100
    without = rows("val/top1", {"a": [0.5], "b": [0.4]})
    question = replace(QUESTION, metric="val/top1")
    assert contrast(question, without).verdict == "one run: +10.00 points, no interval"


@pytest.mark.parametrize(
    ("metric", "margin", "of", "words"),
    [
        ("val/loss", None, (0.90, 0.91, 0.92), "lowers it by 0.090 ± 0.025 nats, n = 3"),
        ("val/loss", None, (1.10, 1.11, 1.12), "raises it by 0.110 ± 0.025 nats, n = 3"),
        ("val/loss", 0.5, (0.9, 1.0, 1.1), "within ± 0.5 nats (+0.000 ± 0.248 nats, n = 3)"),
        ("train/loss", None, (0.9, 1.0, 1.1), "undecided (+0.000 ± 0.248 nats, n = 3)"),
        (
            "val/loss",
            None,
            (0.90, 0.91, math.nan),
            "lowers it by 0.095 ± 0.064 nats, n = 2, 1 more without a value",
        ),
        ("seconds", None, (11.0, 12.0, 13.0), "costs 11.0 ± 2.5 s, n = 3"),
        ("val/penultimate_knn5", None, (1.04, 1.03, 1.05), "gains 4.00 ± 2.48 points, n = 3"),
    ],
)
def test_a_lower_loss_and_a_shorter_time_are_the_better_ones(
    metric: str, margin: float | None, of: Sequence[float], words: str
) -> None:
    question = replace(QUESTION, metric=metric, margin=margin)
    found = contrast(question, rows(metric, {"a": of, "b": (1.0, 1.0, 1.0)})).verdict
    assert found == words


def test_two_metrics_of_one_variant_are_compared() -> None:
    runs = [
        {
            "variant": "a",
            "seed": seed,
            "seconds": 1.0,
            "val/features_knn5": 0.5,
            "val/penultimate_knn5": 0.6,
        }
        for seed in (1, 2)
    ]
    question = Question("?", "a", "a", "val/penultimate_knn5", "val/features_knn5")
    assert contrast(question, Evidence(runs, [], [])).verdict == "gains 10.00 ± 0.00 points, n = 2"


def test_training_losses_of_different_targets_are_not_compared() -> None:
    evidence = rows("train/loss", {"a": [1.0, 1.0], "b": [2.0, 2.1]})
    evidence.runs[0]["soft_targets"] = "label smoothing 0.1"
    found = contrast(replace(QUESTION, metric="train/loss"), evidence)
    assert found.verdict == "training losses of different targets"


@pytest.mark.parametrize("unit", ["epochs", "seconds"])
def test_the_time_to_a_level_is_compared_and_who_never_gets_there_is_told_of(unit: str) -> None:
    ends = {"a": (0.4, 0.8), "b": (0.2, 0.6)}
    curves = [
        {"variant": name, "seed": seed, "epoch": epoch, "val/top1": value, "val/loss": 1 - value}
        for name, values in ends.items()
        for seed in (1, 2, 3)
        for epoch, value in enumerate(values, 1)
        if (name, seed) != ("b", 3) or epoch == 1
    ]
    runs = [
        {"variant": name, "seed": seed, "seconds": 20.0, "epochs": 2}
        for name in ends
        for seed in (1, 2, 3)
    ]
    told = {"epochs": "saves 0.50 ± 0.00 epochs", "seconds": "saves 5.0 ± 0.0 s"}[unit]
    for level in ("val/top1 0.6", "val/loss 0.4"):
        question = replace(QUESTION, metric=f"{unit} to {level}")
        found = contrast(question, Evidence(runs, curves, [])).verdict
        assert found == f"{told}, n = 2, 1 more without a value"


def test_only_primary_contrasts_share_holms_correction(plan: Study) -> None:
    noise = (-0.01, 0.0, 0.012)
    sides = {"a": [0.53 + each for each in noise], "b": [0.5, 0.5, 0.5]}
    one = replace(QUESTION, primary=True)
    evidence = rows("test/top1", sides)
    alone, other = contrasts(replace(plan, questions=[one, QUESTION]), evidence)
    assert alone.p == other.p == contrast(QUESTION, evidence).p < 0.05
    twice = contrasts(replace(plan, questions=[one, QUESTION, one, one]), evidence)
    assert [each.p / alone.p for each in twice] == pytest.approx([3, 1, 3, 3])
    assert [each.word for each in twice] == ["undecided", "gains", "undecided", "undecided"]
