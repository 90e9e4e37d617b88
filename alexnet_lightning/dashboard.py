"""The dashboard of a project or a study in W&B: saved there with a login, else as a file."""

import os
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alexnet_lightning.cli.command import CommandParser, run_command
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training import tracking


def dashboard(args: Sequence[str]) -> None:
    """Build the workspace; save it and print its URL, or write it and say what to do.

    Raises:
        UserError: the package for it is missing, W&B refuses it, or the file cannot be written.
    """
    options = parsed(args)
    try:
        from alexnet_lightning.studies.workspace import workspace
    except ModuleNotFoundError:
        raise UserError("needs wandb-workspaces: pip install alexnet-lightning[use]") from None

    online = tracking.logged_in() and options.output is None
    name = options.name or options.group or options.project
    try:
        built = workspace(options.entity or "", options.project, name, options.group)
    except ValueError:
        raise UserError(f"--name: W&B takes no symbols such as + or emoji: {name}") from None
    if online:
        print(saved(built))
        return
    path = options.output or Path("dashboard.json")
    write(built, path)
    print(f"wrote {path}; to have it in W&B: wandb login, then again without --output")


def parsed(args: Sequence[str]) -> Namespace:
    """Return this command's options."""
    parser = CommandParser(
        prog="python -m alexnet_lightning.dashboard", description=__doc__, allow_abbrev=False
    )
    project = os.environ.get("WANDB_PROJECT", tracking.PROJECT)
    entity = os.environ.get("WANDB_ENTITY")
    add = parser.add_argument
    add("--entity", default=entity, help="W&B user or team; default: your own")
    add("--project", default=project, help=f"of the runs; default {project}")
    add("--name", help="of the dashboard; default: the study's or the project's")
    add("--group", metavar="STUDY", help="show the runs of this study alone")
    add("--output", type=Path, metavar="FILE", help="write it to a file, dashboard.json by default")
    return parser.parse_args(args)


def saved(built: Any) -> str:
    """Save a workspace to W&B; return its URL.

    Raises:
        UserError: W&B cannot be reached or refuses it.
    """
    import wandb

    try:
        built.entity = built.entity or wandb.Api().default_entity
        return str(built.save().url)
    except Exception as error:  # of the network, of W&B, of its package
        reason = one_line(error)
        raise UserError(f"W&B does not take the dashboard: {reason}") from error


def write(built: Any, path: Path) -> None:
    """Write what would have been sent to W&B, as JSON."""
    # The package has no public word for it; this is what its save() sends.
    text = built._to_model().model_dump_json(by_alias=True, exclude_none=True, indent=2)
    try:
        with replacing(path) as part:
            part.write_text(text + "\n")
    except OSError as error:
        raise UserError(f"--output: cannot write {path}: {error.strerror}") from error


if __name__ == "__main__":
    run_command(dashboard)
