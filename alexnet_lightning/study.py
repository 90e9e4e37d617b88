"""Run a study: variants times seeds, each a run of fit; stop and start it at will."""

import sys
from argparse import Namespace as Options
from collections.abc import Sequence
from pathlib import Path

from alexnet_lightning.cli.command import CommandParser, run_command
from alexnet_lightning.studies.folder import check_unchanged, find
from alexnet_lightning.studies.grid import grid
from alexnet_lightning.studies.listing import listing
from alexnet_lightning.studies.plan import read_study
from alexnet_lightning.studies.runner import Runner
from alexnet_lightning.studies.slurm import job_array
from alexnet_lightning.studies.sweep import sweep
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError


def study(args: Sequence[str]) -> None:
    """Train all runs of a study that are not finished yet, or write who else is to do it.

    Raises:
        UserError: the study or one of its configurations is wrong; nothing has been run then.
        Stopped: a signal asked for it; the same command goes on from there.
    """
    options = parsed(args)
    plan = read_study(options.config, options.full)
    folder = options.output or Path("runs") / options.config.stem
    cells = [find(run, folder) for run in grid(plan)]
    if options.list:
        print(listing(cells, options.jobs))
        return
    for cell in cells:
        check_unchanged(cell, folder)
    with replacing(folder / "study.yaml") as part:
        part.write_text(options.config.read_text())
    if options.slurm:
        print(job_array(plan, options.config.stem, folder))
        return
    if options.sweep:
        print(sweep(plan, options.config.stem, folder))
        return
    failed = Runner(folder, options.config.stem, options.jobs).run_all(cells)
    if failed:
        names = ", ".join(run.name for run in failed)
        print(f"failed: {names}; see {folder / 'logs'}; the same command tries them again")
        sys.exit(1)
    flag = " --full" if options.full else ""
    print(f"all {len(cells)} runs are finished: python -m alexnet_lightning.report {folder}{flag}")


def parsed(args: Sequence[str]) -> Options:
    """Return this command's options."""
    parser = CommandParser(
        prog="python -m alexnet_lightning.study", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("--config", type=Path, required=True, help="configs/studies/NAME.yaml")
    parser.add_argument("--output", type=Path, help="folder of the runs; default runs/NAME")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once; default 1")
    parser.add_argument("--full", action="store_true", help="at full size, for a GPU")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--list", action="store_true", help="show what is done, run nothing")
    instead.add_argument("--slurm", action="store_true", help="write a job array, run nothing")
    instead.add_argument("--sweep", action="store_true", help="write a W&B sweep, run nothing")
    options = parser.parse_args(args)
    if options.jobs < 1:
        raise UserError(f"--jobs: {options.jobs}: give a number >= 1")
    return options


if __name__ == "__main__":
    run_command(study)
