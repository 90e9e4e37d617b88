"""Report what runs show: of a study answers, tables and figures, of one run all about it."""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from alexnet_lightning.cli.command import arguments, run_command
from alexnet_lightning.studies.document import EVERY_RUN, document, page
from alexnet_lightning.studies.ledger import ledger
from alexnet_lightning.studies.plan import read_study
from alexnet_lightning.studies.rows import write
from alexnet_lightning.studies.stages import cells_of, evidence_of
from alexnet_lightning.system import progress
from alexnet_lightning.system.atomic import check_writable, replacing
from alexnet_lightning.system.devices import Device, chosen_device
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import did_you_mean
from alexnet_lightning.training.run_folder import RUNS, RunFolder

EXAMPLES = """
python -m alexnet_lightning.report latest
python -m alexnet_lightning.report residual
python -m alexnet_lightning.report runs --output runs/report
"""


def report(
    folder: str | Path,
    output: str | Path | None = None,
    full: bool = False,
    wandb: bool = False,
    device: Device = "auto",
) -> Path:
    """Write the report of one run, or of a study, as a page that needs no network: report.html.

    Of a run: figures, curves, confusion matrix, both embedding spaces with their images, the most
    confident mistakes, costs, versions and configuration. What needs the data set is left out
    where that is missing, and the page says so.

    Of a study: also report.md, its rows as CSV and figures/. It is made from the run folders, or,
    where these are gone, from the rows of an earlier report. A folder of other runs gets a table
    of them.

    Args:
        folder: run folder, the name of a config (its newest run), or latest; or the folder of a
            study, or of runs as NAME/DATE, or its name under runs/
        output: folder for the report; by default the same folder
        full: the study was run with --full
        wandb: save the report of a study in W&B too, with the curves of its runs; without a login
            it is written as wandb.json
        device: of the network of one run: auto (a GPU if there is one), cpu, cuda, cuda:1 or mps

    Returns:
        The path of report.html.

    Raises:
        UserError: there are no runs, a file of theirs cannot be read, or the folder written.
    """
    place = Path(folder) if Path(folder).is_dir() else RUNS / folder
    run = run_of(str(folder), place)
    if run is None and not place.is_dir():
        there = [path.name for path in RUNS.glob("*/")]
        hint = did_you_mean(str(folder), there, "name one with runs in it")
        raise UserError(f"{folder}: no such folder, nor under {RUNS}; {hint}")
    if wandb and not (place / "study.yaml").is_file():
        raise UserError(f"--wandb: {folder} is no study: W&B has its runs already")
    output = Path(output or (run.path if run else place))
    check_writable("--output", output / "report.html")
    title, text = "", ""
    if run is not None:
        from alexnet_lightning.explanations.run_page import run_page

        html = run_page(run, chosen_device(device))
    else:
        title, text = of_several(place, output, full)
        html = page(title, text, output)
    with replacing(output / "report.html") as part:
        part.write_text(html, encoding="utf-8")
    if wandb:
        print(to_wandb(title, text, place.resolve().name, output / "wandb.json"))
    return output / "report.html"


def run_of(name: str, place: Path) -> RunFolder | None:
    """Return the one run that is meant, the newest of one configuration; None for a study."""
    if name == "latest" and not place.is_dir():
        return RunFolder.find(name)
    several = (place / "study.yaml").is_file() or any(place.glob("*/*/config.yaml"))
    one = RunFolder(place)
    if one.of_hub or one.config.is_file() or (not several and any(place.glob("*/config.yaml"))):
        return RunFolder.find(place)
    return None


def of_several(folder: Path, output: Path, full: bool) -> tuple[str, str]:
    """Write the report of a study or of other runs in Markdown; return its title and the text."""
    if (folder / "study.yaml").is_file():
        title, text = study_report(folder, output, full)
    else:
        title = f"Runs in {folder.name}"
        text = f"# {title}\n\n{ledger(folder)}\n"
    with replacing(output / "report.md") as part:
        part.write_text(text, encoding="utf-8")
    return title, text


def to_wandb(title: str, text: str, study: str, path: Path) -> str:
    """Save a report in W&B, or as a file without a login; return in a line where it is."""
    from alexnet_lightning.training.trackers import PROJECT
    from alexnet_lightning.training.trackers.wandb import logged_in

    try:
        from alexnet_lightning.studies.wandb_report import wandb_report
        from alexnet_lightning.studies.workspace import save, write_json
    except ModuleNotFoundError:
        raise UserError(
            "--wandb: needs wandb-workspaces: pip install 'alexnet-lightning[use]'"
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
    kept = kept_ledger(folder)
    table = with_kept(ledger(folder, study.base), kept) if there else kept
    write(evidence, output)
    if output != folder:
        with replacing(output / "study.yaml") as part:
            shutil.copyfile(folder / "study.yaml", part)
    with progress.told("drawing the figures"):
        figures = draw(study, evidence, cells, output / "figures", folder / "figures")
    return study.title, document(study, evidence, table, figures)


def kept_ledger(folder: Path) -> str:
    """Return the table of all runs of an earlier report, whose run folders are gone."""
    report = folder / "report.md"
    return report.read_text(encoding="utf-8").partition(EVERY_RUN)[2] if report.is_file() else ""


def with_kept(table: str, kept: str) -> str:
    """Return a table of runs with the lines of an earlier one of runs that are gone."""
    runs, earlier = ({line.split("|")[1].strip(): line for line in text.splitlines() if "|" in line}
                     for text in (table, kept))  # fmt: skip
    ended = ("| finished |", "| diverged |")
    gone = [
        line
        for run, line in earlier.items()
        if run not in runs and any(state in line for state in ended)
    ]
    header, rule, *rest = table.splitlines()
    return "\n".join([header, rule, *gone, *rest])


def main(args: Sequence[str]) -> None:
    """Run `report` with the options of a command line; print the path of the page."""
    print(report(**arguments("report", args, report, examples=EXAMPLES)))


if __name__ == "__main__":
    run_command(main)
