"""Run a study: variants times seeds, each a run of fit."""

import sys
from collections.abc import Sequence
from pathlib import Path

from alexnet_lightning.cli.command import arguments, run_command
from alexnet_lightning.studies.grid import check_unchanged, find, grid, listing
from alexnet_lightning.studies.machines import job_array, write_sweep
from alexnet_lightning.studies.plan import read_study
from alexnet_lightning.studies.runner import Runner
from alexnet_lightning.system import progress
from alexnet_lightning.system.atomic import check_writable, replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RUNS, RunFolder

EXAMPLES = """
python -m alexnet_lightning.study --config configs/studies/smoke.yaml
python -m alexnet_lightning.study --config configs/studies/residual.yaml --jobs 2
python -m alexnet_lightning.study --config configs/studies/residual.yaml --list
"""


def study(
    config: str | Path | None = None,
    output: str | Path | None = None,
    jobs: int = 1,
    full: bool = False,
    list: bool = False,  # noqa: A002  # the flag's name
    slurm: bool = False,
    sweep: bool = False,
) -> Sequence[str]:
    """Train all runs of a study that are not finished yet.

    Interrupt it and start it again at any time: finished runs are skipped, others are resumed.

    Args:
        config: the study, configs/studies/NAME.yaml.
        output: folder of its runs; by default runs/NAME.
        jobs: how many runs to train at once.
        full: train at full size, for a GPU.
        list: show which runs are finished, and train nothing.
        slurm: write a script that submits the runs as SLURM job arrays, and train nothing.
        sweep: write the study as a W&B sweep, and train nothing.

    Returns:
        The names of the runs that failed.

    Raises:
        UserError: the study or one of its configurations is wrong; nothing has been run then.
        Stopped: by a signal; the same command continues from there.
    """
    if config is None:
        raise UserError("--config: give the file of a study, as configs/studies/smoke.yaml")
    if jobs < 1:
        raise UserError(f"--jobs: {jobs}: give a number >= 1")
    if list + slurm + sweep > 1:
        raise UserError("--list, --slurm and --sweep: give one of them")
    config = Path(config)
    folder = Path(output or RUNS / config.stem)
    if not list:
        check_writable("--output", folder / "study.yaml")
    plan = read_study(config, full)
    cells = [find(run, folder) for run in grid(plan)]
    if list:
        print(listing(cells, jobs))
        return []
    cell_of = {cell.run.name: cell for cell in cells}
    for name in progress.each([*cell_of], "checking"):
        check_unchanged(cell_of[name], folder)
    with replacing(folder / "study.yaml") as part:
        part.write_text(config.read_text())
    flag, python = " --full" if full else "", "python -m alexnet_lightning"
    if slurm or sweep:
        print((job_array if slurm else write_sweep)(plan, config.stem, folder))
        given = f"--config {folder / 'study.yaml'} --output {folder}"
        print(f"to list them: {python}.study {given} --list{flag}")
        return []
    lock = RunFolder(folder)
    lock.lock()
    try:
        failed = [run.name for run in Runner(folder, config.stem, jobs).run_all(cells)]
    finally:
        lock.unlock()
    if failed:
        print(f"failed: {', '.join(failed)}; see {folder / 'logs'}; run the same command again")
    else:
        print(f"all {len(cells)} runs are finished: {python}.report {folder}{flag}")
    return failed


def main(args: Sequence[str]) -> None:
    """Run `study` with the options of a command line; exit with status 1 if a run failed."""
    if study(**arguments("study", args, study, examples=EXAMPLES)):
        sys.exit(1)


if __name__ == "__main__":
    run_command(main)
