"""Make a W&B dashboard of a project or a study: saved there with a login, else as a file."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alexnet_lightning.cli.command import arguments, run_command
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RUNS

EXAMPLES = """
python -m alexnet_lightning.dashboard
python -m alexnet_lightning.dashboard --group residual --output residual.json
"""


def dashboard(
    entity: str | None = None,
    project: str | None = None,
    name: str | None = None,
    group: str | None = None,
    output: str | Path | None = None,
) -> str | Path:
    """Make a W&B dashboard: curves, test accuracies, costs and figures of all runs.

    It is saved in W&B with a login, else written as JSON to runs/dashboard.json.

    Args:
        entity: W&B user or team; by default $WANDB_ENTITY or your own
        project: W&B project of the runs; by default $WANDB_PROJECT or alexnet_lightning
        name: name of the dashboard; by default the study's or the project's
        group: a study, to show its runs only
        output: write a file instead

    Returns:
        The URL of the dashboard, or the path of the file.

    Raises:
        UserError: its package is missing, W&B refuses it, or the file cannot be written.
    """
    from alexnet_lightning.training.trackers import PROJECT
    from alexnet_lightning.training.trackers.wandb import logged_in

    try:
        from alexnet_lightning.studies.workspace import save, workspace, write_json
    except ModuleNotFoundError:
        raise UserError("needs wandb-workspaces: pip install 'alexnet-lightning[use]'") from None

    user = entity or os.environ.get("WANDB_ENTITY", "")
    project = project or os.environ.get("WANDB_PROJECT", PROJECT)
    title = name or group or project
    try:
        built: Any = workspace(user, project, title, group)
    except ValueError:
        raise UserError(f"--name: W&B takes no symbols such as + or emoji: {title}") from None
    if output is None and logged_in():
        return save(built, "dashboard")
    path = Path(output or RUNS / "dashboard.json")
    try:
        write_json(built, path)
    except OSError as error:
        raise UserError(f"--output: cannot write {path}: {error.strerror}") from error
    return path


def main(args: Sequence[str]) -> None:
    """Run `dashboard` with the options of a command line; print the URL, or the path."""
    options = arguments("dashboard", args, dashboard, examples=EXAMPLES)
    made = dashboard(**options)
    again = "again" if options["output"] is None else "again without --output"
    told = f"wrote {made}; to save it in W&B: wandb login, then {again}"
    print(told if isinstance(made, Path) else made)


if __name__ == "__main__":
    run_command(main)
