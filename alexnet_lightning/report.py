"""Report what the runs of a folder show: one HTML page, the same in Markdown, the rows as CSV."""

import os
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path

from alexnet_lightning.cli.command import arguments, run_command
from alexnet_lightning.studies.document import EVERY_RUN, document, page
from alexnet_lightning.studies.ledger import ledger
from alexnet_lightning.studies.plan import read_study
from alexnet_lightning.studies.rows import write
from alexnet_lightning.studies.stages import cells_of, evidence_of
from alexnet_lightning.system import progress
from alexnet_lightning.system.atomic import check_writable, replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RUNS

EXAMPLES = """
python -m alexnet_lightning.report residual
python -m alexnet_lightning.report runs --output runs/report
"""


def report(
    folder: str | Path, output: str | Path | None = None, full: bool = False, wandb: bool = False
) -> Path:
    """Write the report of a study: report.html, report.md, its rows as CSV and figures/.

    It is made from the run folders, or, where these are gone, from the rows of an earlier report.
    A folder without a study gets a table of its runs.

    Args:
        folder: folder of a study, or of runs as NAME/DATE; or its name under runs/.
        output: folder for the report; by default the same folder.
        full: the study was run with --full.
        wandb: save the report of a study in W&B too, with the curves of its runs; without a login
            it is written as wandb.json.

    Returns:
        The path of report.html.

    Raises:
        UserError: there are no runs, or the folder cannot be written.
    """
    given = [path for path in (Path(folder), RUNS / folder) if path.is_dir()]
    if not given:
        there = [path.name for path in RUNS.glob("*/")]
        close = get_close_matches(str(folder), there, n=1)
        hint = f"did you mean {close[0]}?" if close else "name one with runs in it"
        raise UserError(f"{folder}: no such folder, nor under {RUNS}; {hint}")
    folder, output = given[0], Path(output or given[0])
    check_writable("--output", output / "report.md")
    if (folder / "study.yaml").is_file():
        title, text = study_report(folder, output, full)
    elif wandb:
        raise UserError(f"--wandb: {folder} is no study: W&B has its runs already")
    else:
        title = f"Runs in {folder.name}"
        text = f"# {title}\n\n{ledger(folder)}\n"
    with replacing(output / "report.md") as part:
        part.write_text(text)
    with replacing(output / "report.html") as part:
        part.write_text(page(title, text, output))
    if wandb:
        print(to_wandb(title, text, folder.resolve().name, output / "wandb.json"))
    return output / "report.html"


def to_wandb(title: str, text: str, study: str, path: Path) -> str:
    """Save a report in W&B, or as a file without a login; return in a line where it is."""
    from alexnet_lightning.training.tracking import PROJECT, logged_in

    try:
        from alexnet_lightning.studies.wandb_report import wandb_report
        from alexnet_lightning.studies.workspace import save, write_json
    except ModuleNotFoundError:
        raise UserError(
            "--wandb: needs wandb-workspaces: pip install alexnet-lightning[use]"
        ) from None
    entity, project = (os.environ.get(f"WANDB_{name}", "") for name in ("ENTITY", "PROJECT"))
    built = wandb_report(entity, project or PROJECT, title, text, study)
    if logged_in():
        return f"in W&B: {save(built, 'report')}"
    write_json(built, path)
    return f"wrote {path}; to save it in W&B: wandb login, then again"


def study_report(folder: Path, output: Path, full: bool) -> tuple[str, str]:
    """Write the rows and figures of a study; return its title and its report in Markdown."""
    from alexnet_lightning.studies.figures import draw

    study = read_study(folder / "study.yaml", full)
    cells, evidence = cells_of(study, folder), evidence_of(study, folder)
    if not evidence.runs:
        raise UserError(f"{folder}: no run is finished yet; see study --list")
    print(f"{len(evidence.runs)} of {len(cells)} runs are finished")
    there = any(folder.glob("*/*/config.yaml"))
    table = ledger(folder, study.base) if there else kept_ledger(folder)
    write(evidence, output)
    if output != folder:
        with replacing(output / "study.yaml") as part:
            part.write_text((folder / "study.yaml").read_text())
    with progress.told("drawing the figures"):
        figures = draw(study, evidence, cells, output / "figures")
    return study.title, document(study, evidence, table, figures)


def kept_ledger(folder: Path) -> str:
    """Return the table of all runs of an earlier report, whose run folders are gone."""
    report = folder / "report.md"
    return report.read_text().partition(EVERY_RUN)[2] if report.is_file() else ""


def main(args: Sequence[str]) -> None:
    """Run `report` with the options of a command line; print the path of the page."""
    print(report(**arguments("report", args, report, examples=EXAMPLES)))


if __name__ == "__main__":
    run_command(main)
