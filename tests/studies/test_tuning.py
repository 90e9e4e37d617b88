"""Values chosen per variant on validation, before the runs of the claim."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from alexnet_lightning.studies import tuning
from alexnet_lightning.studies.csv_rows import Row
from alexnet_lightning.studies.grid import check_unchanged, grid, resolved
from alexnet_lightning.studies.plan import Study, Tune, read_study
from alexnet_lightning.studies.rows import Evidence, write
from alexnet_lightning.studies.stages import cells_of, evidence_of, stages
from alexnet_lightning.studies.tuning import trials, tuned
from alexnet_lightning.system.errors import UserError
from tests.studies.made_up import make_run

RATES = [0.01, 0.1, 1.0]
LR, WIDTH = "plain-lr_{}".format, "two_files-width_{}".format
WIDE = {LR(0.01): 0.4, LR(0.1): 0.6, LR(1.0): 0.5, WIDTH(0.06): 0.4, WIDTH(0.1): 0.2}


@pytest.fixture
def study(plan: Study) -> Study:
    """One variant with the study's grid, one with its own, one that is not tuned."""
    own: dict[str, dict[str, list[Any]]] = {
        "two files": {"model.width": [0.06, 0.1]},
        "it's wide": {},
    }
    variants = {name: replace(each, tune=own.get(name)) for name, each in plan.variants.items()}
    return replace(plan, variants=variants, tune=Tune({"model.optimizer.lr": RATES}, [7, 8]))


def rows(top1: Mapping[str, float], **more: Any) -> list[Row]:
    """Return rows of both seeds around a mean."""
    return [
        {"variant": name, "seed": seed, "val/top1": value + step, **more}
        for name, value in top1.items()
        for seed, step in ((7, -0.05), (8, 0.05))
    ]


def test_a_trial_is_a_run_with_its_point_and_a_seed_of_its_own_that_is_not_tested(
    study: Study,
) -> None:
    first = trials(study)
    assert first is not None
    runs = grid(first)
    assert {run.seed for run in runs} == {7, 8}
    assert [run.variant for run in runs[:5]] == [*WIDE], "it's wide is not tuned"
    config = resolved(runs[1], Path("runs"))
    assert config["model"]["init_args"]["optimizer"]["init_args"]["lr"] == 0.1
    assert (config["test"], config["allow_divergence"]) == (False, True)
    assert trials(replace(study, tune=None)) is None


def test_trials_may_be_shorter_and_chosen_by_the_training_loss(study: Study) -> None:
    tune = Tune({"model.optimizer.lr": RATES}, [7], "train/loss", {"trainer.max_epochs": 1})
    short = replace(study, tune=tune, overrides={"trainer.max_epochs": 2})
    first = trials(short)
    assert first is not None
    assert resolved(grid(first)[0], Path("runs"))["trainer"]["max_epochs"] == 1
    losses = [{**row, "train/loss": row["val/top1"]} for row in rows(WIDE)]
    claim = tuned(short, losses)
    assert claim is not None
    assert claim.variants["plain"].overrides == {"model.optimizer.lr": 0.01}
    assert claim.overrides == {"trainer.max_epochs": 2}


def test_the_best_mean_of_each_variant_is_what_the_claim_runs_with(study: Study) -> None:
    chosen = tuned(study, rows(WIDE))
    assert chosen is not None
    assert chosen.variants["plain"].overrides == {"model.optimizer.lr": 0.1}
    assert chosen.variants["two files"].overrides["model.width"] == 0.06
    assert chosen.variants["it's wide"] == study.variants["it's wide"]
    assert tuned(study, rows(WIDE)[:-1]) is None, "one trial is not finished"
    least = replace(study, tune=replace(study.tune, metric="val/loss"))  # type: ignore[type-var]
    losses = [{**row, "val/loss": row["val/top1"]} for row in rows(WIDE)]
    chosen = tuned(least, losses)
    assert chosen is not None
    assert chosen.variants["plain"].overrides == {"model.optimizer.lr": 0.01}


def test_a_trial_that_diverged_is_not_chosen_and_an_edge_is_told(study: Study) -> None:
    lost = {LR(0.1): {"diverged_at_step": 5}}
    found = [row | lost.get(row["variant"], {}) for row in rows(WIDE)]
    table, how = tuning.report(study, Evidence([], [], [], found))
    _, _, plain, files = table.splitlines()
    assert plain == (
        "| plain | lr 0.01: 40.00 %; lr 0.1: diverged; lr 1.0: 50.00 % | lr 1.0 "
        "| model.optimizer.lr |"
    )
    assert files.endswith("| width 0.06: 40.00 %; width 0.1: 20.00 % | width 0.06 | model.width |")
    assert "the best val/top1, the mean of 2 trials" in how and "7, 8" in how
    table, _ = tuning.report(study, Evidence([], [], [], rows(WIDE)))
    assert "| lr 0.1 | – |" in table, "in the middle of its grid"
    found = [row | lost[LR(0.1)] for row in found]
    assert tuned(study, found) is None, "nothing to choose from"
    assert "chosen" not in tuning.report(study, Evidence([], [], [], found))[0]


def test_a_grid_can_grow_and_its_trials_stay(study: Study) -> None:
    wider = replace(study, tune=Tune({"model.optimizer.lr": [0.001, *RATES]}, [7, 8]))
    assert tuning.points(study, "plain").items() < tuning.points(wider, "plain").items()


def test_the_claim_waits_for_the_trials_and_is_refused_if_they_choose_again(
    plan: Study, tmp_path: Path
) -> None:
    plain = {"plain": plan.variants["plain"]}
    study = replace(plan, variants=plain, tune=Tune({"model.optimizer.lr": [0.1, 1.0]}, [7]))
    ((first, folder),) = stages(study, tmp_path)
    for run, top1 in zip(grid(first), (0.6, 0.5), strict=True):
        make_run(run, folder, {"val/top1": top1}, "20260101-000000")
    (_, _), (claim, where) = stages(study, tmp_path)
    assert where == tmp_path
    run = grid(claim)[0]
    assert "--model.optimizer.lr=0.1" in run.flags
    made = make_run(run, tmp_path, {"test/top1": 0.7}, "20260102-000000")
    evidence = evidence_of(study, tmp_path)
    assert [row["val/top1"] for row in evidence.tuning] == [0.6, 0.5]
    assert "model.optimizer.lr=0.1" in evidence.runs[0]["overrides"]
    write(evidence, tmp_path / "out")
    assert evidence_of(study, tmp_path / "out") == evidence
    other = tuned(study, [row | {"val/top1": 1 - row["val/top1"]} for row in evidence.tuning])
    with pytest.raises(UserError, match=r"model.*lr") as error:
        check_unchanged(cells_of(other, tmp_path)[0], tmp_path)
    assert str(made) in str(error.value)


@pytest.mark.parametrize(
    ("tune", "words"),
    [
        ({"seeds": [1, 7]}, "tune.seeds: [1] are seeds of the claim too"),
        ({"seeds": []}, "tune.seeds: []: give one or more"),
        ({"metric": "test/top1"}, "tune.metric: test/top1: give one of validation"),
        ({"metric": "val/top"}, "metric val/top: give an accuracy"),
        ({"grid": {"model.optimizer.lr": [0.1]}}, "give two values or more"),
        ({"girds": {}}, "tune.girds: no such key; did you mean grid?"),
    ],
)
def test_trials_that_could_see_the_claim_are_refused(
    tmp_path: Path, tune: dict[str, Any], words: str
) -> None:
    good = {"grid": {"model.optimizer.lr": RATES}, "seeds": [7]}
    study = {"title": "x", "base": ["a"], "variants": {"a": {}}, "seeds": [1], "tune": good | tune}
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(study))
    with pytest.raises(UserError) as error:
        read_study(path)
    assert words in str(error.value) and "\n" not in str(error.value)
