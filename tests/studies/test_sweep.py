"""Every combination of a sweep, given to the parser as W&B's agent would, is a run of the study."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from alexnet_lightning.studies.grid import check_unchanged, find, grid, parsed
from alexnet_lightning.studies.machines import write_sweep
from alexnet_lightning.studies.plan import Study, read_study
from alexnet_lightning.studies.search import Sweep
from alexnet_lightning.system.errors import UserError

# https://docs.wandb.ai/models/sweeps/sweep-config-keys
REQUIRED = {"program", "method", "parameters"}
KNOWN = REQUIRED | {"entity", "project", "description", "name", "metric", "command"}
KNOWN |= {"run_cap", "early_terminate"}
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
        assert cell.state == "unfinished"
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


def test_a_search_is_within_its_own_folder(in_tmp: Path, plan: Study) -> None:
    stop = {"type": "hyperband", "min_iter": 3, "eta": 3}
    rate = {"distribution": "log_uniform_values", "min": 0.001, "max": 0.1}
    sweep = Sweep("bayes", 20, {"model.bias_lr_factor": rate}, stop)
    said = write_sweep(replace(plan, sweep=sweep), "s", FOLDER)
    assert "to start 20 runs" in said
    written = yaml.safe_load((FOLDER / "sweep.yaml").read_text())
    assert set(written) <= KNOWN
    assert (written["method"], written["run_cap"]) == ("bayes", 20)
    assert written["early_terminate"] == stop
    assert written["metric"] == {"name": "val/top1", "goal": "maximize"}
    assert written["parameters"]["model.bias_lr_factor"] == rate
    written["parameters"]["model.bias_lr_factor"] = {"value": 0.01}  # as W&B would choose
    for line in command_lines(written, by_name=True):
        configuration = parsed(line[5:])
        assert configuration["model"]["init_args"]["bias_lr_factor"] == 0.01
        assert configuration["runs_dir"] == str(FOLDER / "search")


def test_the_runs_are_counted() -> None:
    values = {"model.bias_lr_factor": {"values": [1, 2, 3]}}
    assert Sweep().runs(6) == 6
    assert Sweep(parameters=values).runs(6) == 18
    assert Sweep(parameters=values, run_cap=4).runs(6) == 4
    assert Sweep("random", 20).runs(6) == 20


@pytest.mark.parametrize(
    ("sweep", "message"),
    [
        ("method: random", "sweep.run_cap: random does not end by itself: give a number"),
        ("run_cap: 0", "sweep.run_cap: 0: give a number >= 1"),
        ("method: hill", "sweep"),
        ("runcap: 3", "sweep"),
        ("parameters: {test: {min: 0, max: 1}}", "sweep.parameters.test: a grid needs values"),
        ("parameters: {test: {value: 0}}", "sweep.parameters.test: give values, or min and max"),
        ("early_terminate: {type: median}", "type median: give hyperband"),
        ("early_terminate: {type: hyperband}", "give min_iter, or max_iter and s"),
        ("early_terminate: {type: hyperband, miniter: 3}", "miniter: no such key; there are type"),
    ],
)
def test_a_search_that_w_and_b_would_refuse(tmp_path: Path, sweep: str, message: str) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(f"title: a\nbase: []\nvariants: {{a: {{}}}}\nseeds: [1]\nsweep: {{{sweep}}}\n")
    with pytest.raises(UserError, match=r"study\.yaml: ") as error:
        read_study(path)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
