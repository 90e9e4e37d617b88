"""Every combination of a sweep, given to the parser as W&B's agent would, is a run of the study."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from alexnet_lightning.studies.grid import check_unchanged, find, grid, parsed
from alexnet_lightning.studies.machines import write_sweep
from alexnet_lightning.studies.plan import Study

# https://docs.wandb.ai/models/sweeps/sweep-config-keys
REQUIRED = {"program", "method", "parameters"}
KNOWN = REQUIRED | {"entity", "project", "description", "name", "metric", "command", "run_cap"}
FOLDER = Path("runs/s")


@pytest.fixture
def described(in_tmp: Path, plan: Study) -> dict[str, Any]:
    said = write_sweep(plan, "s", FOLDER)
    assert "to start 6 runs: wandb sweep runs/s/sweep.yaml" in said
    return yaml.safe_load((FOLDER / "sweep.yaml").read_text())


def command_lines(described: dict[str, Any], by_name: bool) -> list[list[str]]:
    """What the agent runs, as wandb/wandb_agent.py puts it together."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command_args  # slow

    parameters = described["parameters"]
    names = sorted(parameters) if by_name else list(parameters)
    lines = []
    for values in product(*(parameters[name].get("values") or [None] for name in names)):
        chosen = {
            name: {"value": parameters[name].get("value", value)}
            for name, value in zip(names, values, strict=True)
        }
        macros = create_sweep_command_args({"args": chosen}) | {
            "env": ["/usr/bin/env"],
            "interpreter": ["python"],
            "program": [described["program"]],
        }
        lines.append(
            [
                word
                for part in described["command"]
                for word in (macros[part[2:-1]] if part.startswith("${") else [part])
            ]
        )
    return lines


def test_its_keys_are_those_that_wandb_documents(described: dict[str, Any], plan: Study) -> None:
    assert REQUIRED <= set(described) <= KNOWN
    assert described["method"] == "grid"
    for parameter in described["parameters"].values():
        assert set(parameter) in ({"value"}, {"values"})
    shared = {key for key, given in described["parameters"].items() if "value" in given}
    assert shared == {"trainer.max_epochs", "test"}, "numbers that no variant can change"
    assert described["parameters"]["seed_everything"]["values"] == plan.seeds


@pytest.mark.slow
def test_every_combination_is_a_run_of_the_study(described: dict[str, Any], plan: Study) -> None:
    begun = set()
    lines = command_lines(described, by_name=False)
    for number, line in enumerate(lines):
        assert line[:2] == ["/usr/bin/env", "WANDB_RUN_GROUP=s"]
        assert line[2:5] == ["python", "-m", "alexnet_lightning.fit"]
        configuration = parsed(line[5:])
        path = FOLDER / configuration["name"] / str(number) / "config.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(yaml.safe_dump(configuration))
        begun.add((configuration["name"], configuration["seed_everything"]))
    assert begun == {(variant, seed) for variant in plan.variants for seed in plan.seeds}
    for run in grid(plan):  # the study finds them and accepts them
        cell = find(run, FOLDER)
        assert cell.state == "broken"
        check_unchanged(cell, FOLDER)
    (*_, one), (*_, other) = lines, command_lines(described, by_name=True)
    assert parsed(one[5:]) == parsed(other[5:]), "W&B promises no order of the flags"


def test_a_seed_of_the_data_that_the_study_sets_stays(in_tmp: Path, plan: Study) -> None:
    seed = plan.seeds[0]
    write_sweep(replace(plan, overrides=plan.overrides | {"data.seed": seed}), "s", FOLDER)
    for variant in plan.variants:
        written = yaml.safe_load((FOLDER / "sweep" / f"{variant}.yaml").read_text())
        assert written["data"]["init_args"]["seed"] == seed
        assert not {"seed_everything", "name", "runs_dir"} & set(written)
