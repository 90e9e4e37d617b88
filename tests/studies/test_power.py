"""Seeds and hours that a study's contrasts need, from pilot rows."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from alexnet_lightning.studies.plan import Question, Study
from alexnet_lightning.studies.power import seeds_needed
from alexnet_lightning.studies.rows import Evidence
from alexnet_lightning.study import main
from alexnet_lightning.system.errors import UserError

QUESTION = Question("Wider?", "it's wide", "plain", primary=True)


@pytest.fixture
def pilot(plan: Study) -> tuple[Study, Evidence]:
    """Three seeds of two variants, whose differences have a standard deviation of 2 points."""
    wide = {1: 0.52, 2: 0.54, 3: 0.56}
    runs = [
        {"variant": name, "seed": seed, "test/top1": top1, "seconds": seconds}
        for seed in wide
        for name, top1, seconds in (("plain", 0.5, 1800.0), ("it's wide", wide[seed], 5400.0))
    ]
    return replace(plan, questions=[QUESTION]), Evidence(runs, [], [])


def test_a_known_deviation_gives_the_known_seeds_and_their_hours(
    pilot: tuple[Study, Evidence],
) -> None:
    first, total = seeds_needed(*pilot, interval=1.0, jobs=2).splitlines()
    assert first.startswith("it's wide against plain, test/top1: ± 4.97 points with 3 seeds")
    assert "(standard deviation 2.00); ± 1 needs 18 seeds, 72 to be safe" in first
    assert first.endswith("; 18.0 h of training")  # 18 seeds of 2 h, two at a time
    # The third variant, which has no run yet, is taken for as long as the others.
    assert total == "all 3 variants with 18 seeds: 27.0 h of training, 2 at a time"
    assert seeds_needed(*pilot, None, 2).startswith(first), "the margin of an accuracy is 1 point"
    assert "± 4 needs 4 seeds" in seeds_needed(*pilot, 4.0, 2)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"primary": False}, "questions: none is primary"),
        ({"metric": "seconds"}, "plain, seconds: give --interval, or the question a margin"),
        ({"against": "two files"}, "two files, test/top1: no runs to tell it by: run two seeds"),
        ({"metric": "val/top1"}, "plain, val/top1: no runs to tell it by: run two seeds or more"),
    ],
)
def test_what_cannot_be_planned_for_is_told(
    pilot: tuple[Study, Evidence], change: dict[str, str], words: str
) -> None:
    study, evidence = pilot
    question = replace(QUESTION, **change)  # type: ignore[arg-type]
    with pytest.raises(UserError) as error:
        seeds_needed(replace(study, questions=[question]), evidence, None, 1)
    assert words in str(error.value)
    if question.primary:
        both = replace(study, questions=[question, QUESTION])
        first, second, _ = seeds_needed(both, evidence, None, 1).splitlines()
        assert words in first and "needs 18 seeds" in second, "one does not keep back the others"


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ("--plan", "--plan: no run of this study is finished: run two seeds or more first"),
        ("--plan --interval 0", "--interval: 0.0: give a number > 0, with --plan"),
        ("--interval 1", "--interval: 1.0: give a number > 0, with --plan"),
        ("--plan --list", "--list, --slurm, --sweep and --plan: give one of them"),
    ],
)
def test_a_plan_without_what_it_needs_is_one_line(
    flags: str,
    reason: str,
    quick_config: Path,
    in_tmp: Path,
    outcome: Callable[..., tuple[int, str, str]],
) -> None:
    plan = {"title": "x", "base": [str(quick_config)], "variants": {"a": {}}, "seeds": [1]}
    Path("plan.yaml").write_text(yaml.safe_dump(plan))
    status, _, wrong = outcome(main, "--config", "plan.yaml", *flags.split())
    assert (status, wrong) == (2, f"error: {reason}\n")


def test_a_plan_is_not_made_from_rows_of_other_settings_nor_before_the_trials(
    quick_config: Path, in_tmp: Path, outcome: Callable[..., tuple[int, str, str]]
) -> None:
    plan = {"title": "x", "base": [str(quick_config)], "variants": {"a": {}}, "seeds": [1]}
    Path("plan.yaml").write_text(yaml.safe_dump(plan))
    Path("old").mkdir()
    Path("old/runs.csv").write_text("variant,seed,config,overrides\na,1,other.yaml,\n")
    flags = ("--config", "plan.yaml", "--output", "old", "--plan")
    status, _, wrong = outcome(main, *flags)
    assert status == 2 and "the row of a-seed1 has config 'other.yaml'" in wrong
    tune = {"grid": {"model.width": [0.1, 0.2]}, "seeds": [7]}
    Path("plan.yaml").write_text(yaml.safe_dump(plan | {"tune": tune}))
    status, _, wrong = outcome(main, *flags)
    assert status == 2 and "the trials of this study are not finished" in wrong
