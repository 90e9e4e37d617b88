"""submit.sh by a fake sbatch, which runs the real train.sbatch up to a fake srun."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from alexnet_lightning.studies.grid import check_unchanged, find, grid, parsed
from alexnet_lightning.studies.machines import job_array
from alexnet_lightning.studies.plan import Study, Variant
from alexnet_lightning.system.errors import UserError

ROOT = Path(__file__).parents[2]
NAME = "it's, a study"
# What SLURM tells a task of an array, from the options it was submitted with.
SBATCH = """#!{python}
import os, subprocess, sys
options = [word for word in sys.argv[1:] if word.startswith("--")][:6]
given = dict(option[2:].split("=", 1) for option in options)
assert given["export"] == "ALL"
for seed in given["array"].split(","):
    told = dict(
        SLURM_ARRAY_TASK_ID=seed,
        SLURM_NTASKS_PER_NODE=given["ntasks-per-node"],
        SLURM_NNODES=given["nodes"],
    )
    command = ["bash", *sys.argv[1 + len(options):]]
    subprocess.run(command, env=os.environ | told, check=True)
"""
SRUN = """#!{python}
import json, os, sys
with open("started.jsonl", "a") as file:
    file.write(json.dumps([os.environ["WANDB_RUN_GROUP"], sys.argv[1:]]) + "\\n")
"""


@pytest.fixture
def checkout(in_tmp: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout, with a SLURM that starts nothing."""
    shutil.copy(ROOT / "train.sbatch", in_tmp)
    shutil.copytree(ROOT / "configs" / "overlays", in_tmp / "configs" / "overlays")
    commands = in_tmp / "commands"
    commands.mkdir()
    for name, text in {"sbatch": SBATCH, "srun": SRUN}.items():
        (commands / name).write_text(text.format(python=sys.executable))
        (commands / name).chmod(0o755)
    activate = in_tmp / ".venv" / "bin" / "activate"
    activate.parent.mkdir(parents=True)
    activate.touch()
    monkeypatch.setenv("PATH", f"{commands}:{os.environ['PATH']}")
    return in_tmp


def started(checkout: Path) -> list[list[str]]:
    """The command lines of `fit` that the script leads to."""
    subprocess.run(["bash", "-n", "runs/s/submit.sh"], check=True)
    subprocess.run([checkout / "runs/s/submit.sh"], check=True, cwd="/")
    lines = [json.loads(line) for line in (checkout / "started.jsonl").read_text().splitlines()]
    assert {group for group, _ in lines} == {NAME}
    assert {tuple(command[:3]) for _, command in lines} == {
        ("python", "-m", "alexnet_lightning.fit")
    }
    return [command[3:] for _, command in lines]


def test_each_task_trains_what_the_study_would(checkout: Path, plan: Study) -> None:
    folder = Path("runs/s")
    said = job_array(plan, NAME, folder)
    assert "6 runs as 3 job arrays: runs/s/submit.sh" in said
    begun = set()
    for number, arguments in enumerate(started(checkout)):
        configuration = parsed(arguments)
        trainer = configuration["trainer"]
        assert (trainer["devices"], trainer["num_nodes"]) == ("1", 1)
        assert trainer["strategy"]["class_path"].endswith("DDPStrategy")
        run = folder / configuration["name"] / f"2026-{number}" / "config.yaml"
        run.parent.mkdir(parents=True)
        run.write_text(yaml.safe_dump(configuration))
        assert configuration["data"]["init_args"]["seed"] == configuration["seed_everything"]
        begun.add((configuration["name"], configuration["seed_everything"]))
    assert begun == {(variant, seed) for variant in plan.variants for seed in plan.seeds}
    for run in grid(plan):  # the study finds them, and takes them for its own
        cell = find(run, folder)
        assert cell.state == "unfinished"
        check_unchanged(cell, folder)
    changed = replace(plan, overrides=plan.overrides | {"trainer.max_epochs": 9})
    with pytest.raises(UserError, match=r"other settings than the study now has.*max_epochs"):
        check_unchanged(find(grid(changed)[0], folder), folder)


def test_only_what_is_left_is_submitted(checkout: Path, plan: Study) -> None:
    folder = Path("runs/s")
    runs = grid(plan)
    for number, run in enumerate(runs):
        path = folder / run.variant / str(number)
        path.mkdir(parents=True)
        (path / "config.yaml").write_text(f"seed_everything: {run.seed}\n")
        if number != 1:
            (path / "summary.json").write_text("{}")
    assert "1 runs as 1 job arrays" in job_array(plan, NAME, folder)
    (arguments,) = started(checkout)
    assert f"--name={runs[1].variant}" in arguments
    assert arguments[arguments.index("--seed_everything") + 1] == str(runs[1].seed)
    (folder / runs[1].variant / "1" / "summary.json").write_text("{}")
    assert job_array(plan, NAME, folder).startswith("nothing to submit")


def test_what_the_batch_script_cannot_take_is_refused(checkout: Path, plan: Study) -> None:
    (checkout / "seeded.yaml").write_text("seed_everything: 5\n")
    files = [*plan.base, "seeded.yaml"]
    for variant, reason in [
        (Variant(config=files), r"seeded\.yaml sets seed_everything"),
        (Variant(), "needs a configuration"),
    ]:
        with pytest.raises(UserError, match=reason):
            job_array(replace(plan, base=[], variants={"v": variant}), NAME, Path("runs/s"))
    (checkout / "train.sbatch").unlink()
    with pytest.raises(UserError, match=r"no train\.sbatch here"):
        job_array(plan, NAME, Path("runs/s"))
    assert not Path("runs/s/submit.sh").exists()
