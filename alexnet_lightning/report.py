"""Tell what the runs of a folder show: one HTML page, the same in Markdown, the rows as CSV."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from alexnet_lightning.cli.command import CommandParser, run_command
from alexnet_lightning.studies import figures
from alexnet_lightning.studies.document import report as document
from alexnet_lightning.studies.folder import Cell, find
from alexnet_lightning.studies.grid import grid
from alexnet_lightning.studies.ledger import ledger
from alexnet_lightning.studies.page import page
from alexnet_lightning.studies.plan import Study, read_study
from alexnet_lightning.studies.rows import Evidence, gather, write
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError


def report(args: Sequence[str]) -> None:
    """Write report.html, report.md, runs.csv, curves.csv and figures/ from run folders alone.

    Of a folder without a study: the ledger of its runs.

    Raises:
        UserError: there are no runs, or the folder cannot be written.
    """
    parser = CommandParser(
        prog="python -m alexnet_lightning.report", description=__doc__, allow_abbrev=False
    )
    parser.add_argument("folder", type=Path, help="of a study, or of runs as NAME/DATE")
    parser.add_argument("--output", type=Path, help="where to; default the folder itself")
    parser.add_argument("--full", action="store_true", help="the study was run with --full")
    options = parser.parse_args(args)
    if not options.folder.is_dir():
        raise UserError(f"{options.folder}: no such folder; name one with runs in it")
    output = options.output or options.folder
    try:
        written = write_report(options.folder, output, options.full)
    except OSError as error:
        raise UserError(f"{error.filename} cannot be written: {error.strerror}") from error
    print(f"{written}\n{output / 'report.html'}")


def write_report(folder: Path, output: Path, full: bool) -> str:
    """Write all files of a report and return how many runs it is about."""
    plan = folder / "study.yaml"
    if not plan.is_file():
        text = f"# Runs in {folder.name}\n\n{ledger(folder)}\n"
        write_text(output, f"Runs in {folder.name}", text)
        return f"{len(list(folder.glob('*/*/config.yaml')))} runs"
    study = read_study(plan, full)
    cells = [find(run, folder) for run in grid(study)]
    evidence = gather(cells)
    if not evidence.runs:
        raise UserError(f"{folder}: no run is finished yet; see study --list")
    write(evidence, output)
    if output != folder:
        with replacing(output / "study.yaml") as part:
            part.write_text(plan.read_text())
    pictures = draw(study, evidence, cells, output)
    write_text(output, study.title, document(study, evidence, ledger(folder, study.base), pictures))
    return f"{len(evidence.runs)} of {len(cells)} runs are finished"


def draw(study: Study, evidence: Evidence, cells: Sequence[Cell], output: Path) -> list[str]:
    """Write the figures; return the Markdown that shows them."""
    shown = [
        ("curves.png", "Mean over the seeds; the band goes from the lowest to the highest."),
        ("time.png", "Validation error against seconds of training, and the test error."),
    ]
    figures.draw_curves(study, evidence, output / "figures" / "curves.png")
    figures.draw_time(study, evidence, output / "figures" / "time.png")
    for cell in cells:
        if cell.run.variant in study.embeddings and cell.run.seed == study.seeds[0] and cell.folder:
            source = cell.folder.path / "figures" / "embeddings.png"
            if cell.state == "finished" and source.is_file():
                name = f"embeddings_{cell.run.variant}.png"
                with replacing(output / "figures" / name) as part:
                    shutil.copyfile(source, part)
                what = study.variants[cell.run.variant].label or cell.run.variant
                shown.append((name, f"Embedding spaces: {what}, seed {cell.run.seed}."))
    return [f"![{text}](figures/{name})\n\n{text}" for name, text in shown]


def write_text(output: Path, title: str, markdown: str) -> None:
    """Write report.md and report.html."""
    with replacing(output / "report.md") as part:
        part.write_text(markdown)
    with replacing(output / "report.html") as part:
        part.write_text(page(title, markdown, output))


if __name__ == "__main__":
    run_command(report)
