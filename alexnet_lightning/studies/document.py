"""A study's report in Markdown, answers first, then the evidence; and its HTML page."""

import base64
import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from alexnet_lightning.studies import published, tables, targets, tuning
from alexnet_lightning.studies.contrasts import Contrast, contrasts
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.studies.rows import Evidence
from alexnet_lightning.training.summary import LAST_EPOCH

EVERY_RUN = "## Every run"
METHOD = (
    "Errors are on the test images, {chosen}; ± is half the width of the 95 % interval by "
    "Student's t over n seeds; of a single run, SE is the binomial standard error of the test "
    "images. A seed sets the initialization, the validation split, the order of images, crops and "
    "dropout."
)
TESTS = (
    "Differences are taken seed by seed. A contrast is primary if it was declared before the runs, "
    "else exploratory. p is of a paired t test; p of equivalence is of two one-sided t tests and "
    "small where the 90 % interval is within the margin. Both are corrected by Holm's method for "
    "the number of primary contrasts, not for exploratory ones; what neither shows at .05 is "
    "undecided. Detectable is the true difference that n seeds show with a power of 80 %, "
    "uncorrected."
)
CHOOSES = {"val/top1": "validation accuracy", "val/loss": "validation loss"}
BEYOND = (
    " Where that interval would go below 0 or beyond 100 %, it says nothing, and the lowest and "
    "the highest of the seeds are in brackets instead."
)
COSTS = (
    "Multiply-adds are per image; training time is on the machine above, which runs at the same "
    "time share."
)
NEIGHBORS = (
    " 5-NN is the accuracy of five nearest neighbors in a sample of {} validation images, in the "
    "embeddings at the backbone's output (features) and before the logits (penultimate)."
)


def document(study: Study, evidence: Evidence, ledger: str, figures: dict[str, str]) -> str:
    """Return the whole report, with a table of all runs, and figures: captions by file name."""
    parts = {
        f"# {study.title}": [study.notes, size(study, evidence)],
        "## Targets": targets.report(study, evidence),
        "## Against the published accuracies": published.report(study, evidence),
        "## Answers": [answered(each, study) for each in contrasts(study, evidence)],
        "## Differences": differences(study, evidence),
        "## Results": results(study, evidence),
        "": [tables.costs(study, evidence), COSTS + neighbors(evidence)],
        "## Epochs to a level": [tables.reach(study, evidence)] if study.reach else [],
        "## Curves": [f"![{text}](figures/{name})\n\n{text}" for name, text in figures.items()],
        "## Tuning": tuning.report(study, evidence),
        "## What reaches each layer": layer_parts(study, evidence),
        EVERY_RUN: [ledger],
    }
    lines = [text for heading, content in parts.items() if content for text in (heading, *content)]
    return "\n\n".join(text.strip() for text in lines if text.strip()) + "\n"


def differences(study: Study, evidence: Evidence) -> list[str]:
    """Return the table of all contrasts and how they were tested."""
    return [tables.differences(study, evidence), TESTS] if study.questions else []


def results(study: Study, evidence: Evidence) -> list[str]:
    """Return the table of errors and how they were measured."""
    table = tables.results(study, evidence)
    by = evidence.chosen_by
    if not evidence.validated:
        chosen = "after the last epoch, since no images were held out to choose one"
    elif by == {LAST_EPOCH}:
        chosen = "after the last epoch, whatever its validation"
    else:
        figures = " or ".join(CHOOSES.get(each, each) for each in sorted(by - {LAST_EPOCH}))
        chosen = f"with the checkpoint of the best {figures}"
        chosen += ", or after the last epoch where nothing chose one" * (LAST_EPOCH in by)
    return [
        table,
        METHOD.format(chosen=chosen) + (BEYOND if re.search(r"\(\S+ to ", table) else ""),
    ]


def neighbors(evidence: Evidence) -> str:
    """Return what 5-NN is, and among how many images: "218", "60 to 100"; "" without it."""
    if not any("val/features_knn5" in row for row in evidence.runs):
        return ""
    counts = {row.get("val/embedded_images", "the") for row in evidence.runs}
    if "the" in counts:  # runs of an earlier version
        return NEIGHBORS.format("the")
    ends = dict.fromkeys((min(counts), max(counts)))
    return NEIGHBORS.format(" to ".join(f"{count:,.0f}" for count in ends))


def size(study: Study, evidence: Evidence) -> str:
    """Return which runs these are, from which configurations, on which machines."""
    bases = ", ".join(f"`{path}`" for path in study.base)
    overrides = ", ".join(
        f"`{yaml.safe_dump({key: value}, default_flow_style=True, width=1000).strip()[1:-1]}`"
        for key, value in study.overrides.items()
    )
    machines = sorted({str(row["machine"]) for row in evidence.runs if row.get("machine")})
    text = f"{len(evidence.runs)} of {len(study.seeds) * len(study.variants)} runs; "
    text += f"seeds {', '.join(map(str, study.seeds))}; from {bases}"
    text += f" with {overrides}." if overrides else "."
    text += f" On {'; '.join(machines)}." if machines else ""
    for row in evidence.runs:
        if row.get("data/changed"):
            which = f"{row['variant']}, seed {row['seed']}"
            text += f" **The data changed while {which} was trained: {row['data/changed']}.**"
    return text


def answered(found: Contrast, study: Study) -> str:
    """Return a question, what the runs show, and what its source says."""
    question = found.question
    sides = study.sides(question)
    sides += f", {question.compared}" if question.compared != "test/top1" else ""
    declared = "" if question.primary else ", exploratory"
    remarks = {
        "The source": question.source,
        "What differs": question.protocol,
        "Finding": question.finding,
    }
    lines = [f"- {name}: {text.rstrip('.')}." for name, text in remarks.items() if text]
    verdict = f"**{question.ask}** {sides}: **{found.verdict}**{declared}."
    return "\n".join([verdict, "", *lines]) if lines else verdict


def layer_parts(study: Study, evidence: Evidence) -> list[str]:
    """Return the tables of LayerStatistics: how much of the images reaches each layer."""
    parts = []
    for step in sorted({row["step"] for row in evidence.layer_statistics}):
        when = "at the initialization" if step == 0 else f"after {step} steps"
        parts += [
            f"Standard deviation of the pre-activations over 64 images, {when} "
            "(average over the units and the seeds):",
            tables.layer_statistics(study, evidence, "forward", step),
            f"Standard deviation over the images of the loss gradient by them, {when}:",
            tables.layer_statistics(study, evidence, "backward", step),
        ]
    return parts


def page(title: str, markdown: str, folder: Path) -> str:
    """Return a report as one HTML file that needs no network; `folder` holds its images."""
    from jinja2 import Template
    from markdown_it import MarkdownIt

    def image(_: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
        path, text = folder / str(tokens[index].attrs["src"]), html.escape(tokens[index].content)
        data = base64.b64encode(path.read_bytes()).decode()
        picture = f'<img alt="{text}" src="data:image/png;base64,{data}">'
        return f'<span class="figure">{picture}</span>'

    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.add_render_rule("image", image)
    parser.add_render_rule("table_open", lambda *_: '<div class="table"><table>\n')
    parser.add_render_rule("table_close", lambda *_: "</table></div>\n")
    unbroken = markdown.replace(" ± ", "\u00a0±\u00a0")
    unbroken = re.sub(r"(?<=\d) (?=(s|min|h|M)\b|%)", "\u00a0", unbroken)
    source = Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8")
    template = Template(source, autoescape=True, keep_trailing_newline=True)
    return template.render(title=title, report=parser.render(unbroken))
