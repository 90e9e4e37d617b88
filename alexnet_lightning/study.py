"""Run a study: variants times seeds, each a run of fit."""

import shutil
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from alexnet_lightning.cli.command import arguments, run_command
from alexnet_lightning.studies.grid import (
    Cell,
    check_rows,
    check_unchanged,
    check_values,
    grid,
    listing,
    resolved,
)
from alexnet_lightning.studies.machines import job_array, write_sweep
from alexnet_lightning.studies.plan import Study, read_study
from alexnet_lightning.studies.power import seeds_needed
from alexnet_lightning.studies.reproduction import compare, report_of, reported, with_rows
from alexnet_lightning.studies.rows import Evidence, read
from alexnet_lightning.studies.runner import Runner
from alexnet_lightning.studies.stages import cells_of, check_declared, evidence_of, stages
from alexnet_lightning.system import progress
from alexnet_lightning.system.atomic import check_writable, replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.signals import Stopped
from alexnet_lightning.training.run_folder import RUNS, RunFolder

PYTHON = "python -m alexnet_lightning"
EXAMPLES = """
python -m alexnet_lightning.study --config configs/studies/smoke.yaml
python -m alexnet_lightning.study --config configs/studies/residual.yaml --jobs 2
python -m alexnet_lightning.study --config configs/studies/residual.yaml --list
python -m alexnet_lightning.study --config configs/studies/residual.yaml --minutes 30
python -m alexnet_lightning.study --config configs/studies/residual.yaml --plan --interval 0.5
python -m alexnet_lightning.study --reproduce results/records/e8
"""


def study(
    config: str | Path | None = None,
    output: str | Path | None = None,
    jobs: int = 1,
    full: bool = False,
    list: bool = False,  # noqa: A002  # the flag's name
    slurm: bool = False,
    sweep: bool = False,
    plan: bool = False,
    interval: float | None = None,
    minutes: float | None = None,
    reproduce: str | Path | None = None,
) -> Sequence[str]:
    """Train all runs of a study that are not finished yet.

    Interrupt it and start it again at any time: finished runs are skipped, others are resumed.

    Args:
        config: the study, configs/studies/NAME.yaml
        output: folder of its runs; by default runs/NAME
        jobs: how many runs to train at once
        full: train at full size, for a GPU
        list: show which runs are finished, and train nothing
        slurm: write a script that submits the runs as SLURM job arrays, and train nothing
        sweep: write the study as a W&B sweep, and train nothing
        plan: from the runs so far, show how many seeds each primary question needs and the hours
            that they take, and train nothing
        interval: with plan, half the width of the 95 % interval that is wanted, in the unit of
            the metric; by default the question's margin
        minutes: stop after that long: running trainings are saved, and the same command continues
            them; the exit status is 142
        reproduce: in place of --config: the report of a study, or REPORT/VARIANT, as
            results/records/e8. Its runs are trained again, below runs/reproduced by default, and
            their figures compared with its rows

    Returns:
        The names of the runs that failed.

    Raises:
        UserError: the study or one of its configurations is wrong; nothing has been run then. Or
            figures were not reproduced.
        Stopped: by a signal or after `minutes`; the same command continues from there.
    """
    if (config is None) == (reproduce is None):
        raise UserError("--config: give the file of a study, as configs/studies/smoke.yaml")
    if reproduce is not None and (full or slurm + sweep + plan):
        raise UserError("--reproduce: leave out --full, --slurm, --sweep and --plan")
    if jobs < 1:
        raise UserError(f"--jobs: {jobs}: give a number >= 1")
    if list + slurm + sweep + plan > 1:
        raise UserError("--list, --slurm, --sweep and --plan: give one of them")
    if interval is not None and not (plan and interval > 0):
        raise UserError(f"--interval: {interval}: give a number > 0, with --plan")
    if minutes is not None and not (minutes > 0 and list + slurm + sweep + plan == 0):
        raise UserError(f"--minutes: {minutes}: give a number > 0, and no option that runs nothing")
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    earlier = None  # the rows to reproduce
    if reproduce is not None:
        source, whole = report_of(Path(reproduce)), reported(Path(reproduce))
        config, name, earlier = source / "study.yaml", source.name, read(source)
        folder = Path(output or RUNS / "reproduced" / name)
    else:
        config = Path(str(config))
        name, whole = config.stem, read_study(config, full)
        folder = Path(output or RUNS / name)
    if plan:
        print(planned(whole, folder, interval, jobs))
        return []
    if list:
        for stage, where in stages(whole, folder):
            cells = cells_of(stage, where)
            print(listing(with_rows(cells, earlier if where == folder else None), jobs))
        return []
    check_writable("--output", folder / "study.yaml")
    check_declared(whole, folder)
    for run in grid(whole)[: len(whole.variants)]:
        resolved(run, folder)  # before any trial is run
    if slurm or sweep:
        write = job_array if slurm else write_sweep
        write_for_machines(write, whole, config, folder, full)
        return []
    try:
        runner = partial(Runner, group=name, jobs=jobs, deadline=deadline)
        failed = train(whole, config, folder, runner, earlier)
    except Stopped as stop:
        over = f"the {minutes:g} minutes are over" if stop.signum == signal.SIGALRM else "stopped"
        print(f"{over}; the same command continues")
        raise
    if failed:
        return failed
    if earlier is not None:
        lines, good = compare(whole, earlier, evidence_of(whole, folder))
        print("\n".join(lines))
        if not good:
            raise UserError(f"--reproduce: {reproduce}: not all of it was reproduced: see above")
    else:
        count = len(grid(whole))
        flag = " --full" if full else ""
        print(f"all {count} runs are finished: {PYTHON}.report {folder}{flag}")
    return []


def planned(whole: Study, folder: Path, interval: float | None, jobs: int) -> str:
    """Return how many seeds each primary question needs, from the runs so far."""
    stage, where = [*stages(whole, folder)][-1]
    if where != folder:
        raise UserError("--plan: the trials of this study are not finished: run it first")
    check_rows(cells_of(stage, where), where)
    return seeds_needed(whole, evidence_of(whole, folder), interval, jobs)


def write_for_machines(
    write: Callable[[Study, str, Path], str], whole: Study, config: Path, folder: Path, full: bool
) -> None:
    """Write what runs a study elsewhere: its trials, or its runs if those are finished."""
    for stage, where in stages(whole, folder):
        check_first(checked(stage, where), where)
        keep(config, folder)
        print(write(stage, config.stem, where))
    given = f"--config {folder / 'study.yaml'} --output {folder}"
    if where != folder:
        print("these are trials; when they are finished, give the same command for the claim")
    print(f"to list them: {PYTHON}.study {given} --list{' --full' if full else ''}")


def train(
    whole: Study,
    config: Path,
    folder: Path,
    runner: Callable[..., Runner],
    earlier: Evidence | None,
) -> Sequence[str]:
    """Train what is not finished, trials first; return the names of the runs that failed.

    Args:
        whole: the study.
        config: its file, kept beside its runs.
        folder: where its runs go.
        runner: makes what trains the runs of a stage, from their folder and `also_test`.
        earlier: rows to reproduce: no other runs are trained.

    Raises:
        UserError: a configuration is wrong, or a variant diverged in all its trials.
        Stopped: by a signal or at the deadline.
    """
    lock = RunFolder(folder)
    for stage, where in stages(whole, folder):
        cells = with_rows(checked(stage, where), earlier if where == folder else None)
        check_first(cells, where)
        folder.mkdir(parents=True, exist_ok=True)
        lock.lock()
        try:
            keep(config, folder)
            failed = [each.name for each in runner(where, also_test=stage.also_test).run_all(cells)]
        finally:
            lock.unlock()
        if failed:
            print(f"failed: {', '.join(failed)}; see {where / 'logs'}; run the same command again")
            return failed
    if where != folder:
        raise UserError(f"tune: a variant diverged in all its trials: lower values; see {where}")
    return []


def keep(config: Path, folder: Path) -> None:
    """Keep a study's file beside its runs."""
    with replacing(folder / "study.yaml") as part:
        shutil.copyfile(config, part)


def checked(stage: Study, folder: Path) -> list[Cell]:
    """Return all runs of a stage; UserError if one was begun with other settings."""
    cell_of = {cell.run.name: cell for cell in cells_of(stage, folder)}
    for name in progress.each([*cell_of], "checking"):
        check_unchanged(cell_of[name], folder)
    return [*cell_of.values()]


def check_first(cells: Sequence[Cell], folder: Path) -> None:
    """Raise a UserError for a variant that `fit` would refuse, before any is trained."""
    waiting = {cell.run.variant: cell.run for cell in reversed(cells) if cell.state == "waiting"}
    for variant in progress.each([*waiting], "checking"):
        check_values(waiting[variant], folder)


def main(args: Sequence[str]) -> None:
    """Run `study` with the options of a command line; exit with status 1 if a run failed."""
    if study(**arguments("study", args, study, examples=EXAMPLES)):
        sys.exit(1)


if __name__ == "__main__":
    run_command(main)
