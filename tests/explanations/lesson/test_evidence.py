"""What the page says of studies is what their rows say."""

from dataclasses import replace
from pathlib import Path

import pytest

from alexnet_lightning.explanations.lesson.evidence import (
    Found,
    activations,
    answers,
    errors,
    ladder,
)
from alexnet_lightning.studies import tables
from alexnet_lightning.studies.contrasts import contrasts
from alexnet_lightning.system.errors import UserError

RESULTS = Path(__file__).parents[3] / "results"


def found(name: str) -> Found:
    return Found.read(RESULTS / name)


def test_a_ladder_has_a_rung_per_variant_with_its_interval_and_what_it_adds() -> None:
    study = found("ladder")
    rungs = ladder(study)
    assert [rung["label"] for rung in rungs] == [*map(study.study.label, study.study.variants)]
    assert "verdict" not in rungs[0]
    steps = contrasts(study.study, study.evidence)
    assert [rung["verdict"] for rung in rungs[1:]] == [step.verdict for step in steps]
    for name, rung in zip(study.study.variants, rungs, strict=True):
        accuracies = study.evidence.by_seed(name, "test/top1").values()
        mean = 100 - 100 * sum(accuracies) / 3
        assert rung["error"] == pytest.approx(mean)
        assert rung["low"] + rung["high"] == pytest.approx(2 * mean)
        shown = tables.error(study.evidence, name, "test/top1")
        assert rung["text"] == f"{shown}, n = 3"
        assert shown.endswith(f"± {mean - rung['low']:.2f} %")


def test_an_interval_that_says_nothing_becomes_lowest_and_highest_seed() -> None:
    study = found("ladder")
    for row in study.evidence.runs:
        if row["variant"] == "views":
            row["test/top1"] = {1: 0.99, 2: 0.98, 3: 0.5}[row["seed"]]
    last = ladder(study)[-1]
    assert (last["low"], last["high"]) == (pytest.approx(1), pytest.approx(50))
    assert "(1.00 to 50.00)" in last["text"]


@pytest.mark.parametrize("name", ["residual", "initialisation", "schedules"])
def test_other_studies_are_no_ladders(name: str) -> None:
    assert ladder(found(name)) == []


def test_a_ladder_asks_of_every_step() -> None:
    study = found("ladder")
    kept = replace(study.study, questions=study.study.questions[1:])
    assert ladder(study._replace(study=kept)) == []


def test_a_rung_without_a_run_says_so() -> None:
    study = found("ladder")
    study.evidence.runs[:] = [row for row in study.evidence.runs if row["variant"] != "views"]
    assert ladder(study)[-1]["text"] == "not run"


def test_activations_are_means_over_the_seeds_and_chance_is_told() -> None:
    study = found("initialisation")
    facts = activations(study)
    assert facts["layers"] == ["conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "fc8"]
    assert facts["steps"] == ["at initialization", "after 100 steps"]
    assert facts["chance"] == pytest.approx(90)
    chance = {each["label"]: each["at_chance"] for each in facts["variants"]}
    assert chance == {
        "paper's text, pixels 0-1": True,
        "torch's initialization, pixels 0-1": True,
        "He initialization, pixels 0-1": False,
        "paper's text, pixels 0-255": False,
        "code of 2012, pixels 0-255": False,
    }
    seeds = [
        row["forward"]
        for row in study.evidence.layer_statistics
        if (row["variant"], row["step"]) == ("code_255", 100) and row["layer"].endswith("fc7")
    ]
    assert len(seeds) == 3
    expected = [sum(seeds) / 3, min(seeds), max(seeds)]
    assert facts["variants"][-1]["lines"][1][6] == pytest.approx(expected)


def test_projections_are_no_layers_of_their_own() -> None:
    assert len(activations(found("residual"))["layers"]) == 8


def test_a_study_without_layer_statistics_has_no_activations() -> None:
    assert activations(found("ladder")) == {}


def test_answers_have_figures_seeds_and_how_they_were_declared() -> None:
    said = answers(found("residual"))
    by_question = {each["sides"]: each for each in said}
    gained = by_question["batch norm against original"]
    assert gained["verdict"] == "gains 4.52 ± 0.96 points, n = 5"
    assert gained["declared"] == "primary"
    assert any(each["sides"].endswith("(val/loss)") for each in said)


def test_a_single_run_has_the_error_of_its_test_images() -> None:
    study = found("records")
    study.evidence.runs[:] = [row for row in study.evidence.runs if row["variant"] == "modern"]
    (only,) = (each for each in errors(study) if each["text"].endswith("n = 1"))
    assert only["text"] == "8.44 % (SE 0.28), n = 1"
    assert only["low"] == only["high"]


@pytest.mark.parametrize("missing", ["study.yaml", "runs.csv"])
def test_a_folder_without_a_study_is_a_line(missing: str, tmp_path: Path) -> None:
    (tmp_path / ({"study.yaml", "runs.csv"} - {missing}).pop()).touch()
    with pytest.raises(UserError, match=rf"no file {missing} there; give a folder that `report`"):
        Found.read(tmp_path)
