"""A study's report, in Markdown: answers first, then what they rest on."""

from collections.abc import Sequence
from typing import Any

import yaml

from alexnet_lightning.studies import tables
from alexnet_lightning.studies.plan import Question, Study
from alexnet_lightning.studies.reach import reach
from alexnet_lightning.studies.rows import Evidence

METHOD = (
    "Errors are those of the checkpoint that was best in validation, on the test images; ± is half "
    "the width of the 95 % interval by Student's t over n seeds. A seed decides the starting "
    "weights, the validation split, the order of images, crops and dropout; differences are taken "
    "seed by seed, and one whose interval holds zero is called no difference shown."
)


COSTS = (
    "Multiply-adds are of one image; seconds of training on the machine above, shared as the notes "
    "say. 5-NN is the accuracy of five nearest neighbours among 1,000 validation images, as the "
    "embedding plots show them."
)


def report(study: Study, evidence: Evidence, ledger: str, pictures: Sequence[str]) -> str:
    """Return the whole report.

    Args:
        study: what was asked.
        evidence: what came out.
        ledger: table of all runs of the folder.
        pictures: Markdown of the figures, in order.
    """
    parts = [f"# {study.title}", study.notes, size(study, evidence)]
    if study.questions:
        parts += [
            "## Answers",
            *(answered(question, study, evidence) for question in study.questions),
        ]
    parts += ["## Results", tables.results(study, evidence), METHOD]
    parts += [tables.costs(study, evidence), COSTS]
    if study.ladder:
        parts += ["## Step by step", tables.ladder(study, evidence)]
    if study.reach:
        parts += ["## Epochs to a level", reach(study, evidence)]
    parts += ["## Curves", *pictures, *spread_parts(study, evidence)]
    parts += ["## Every run", ledger]
    return "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"


def size(study: Study, evidence: Evidence) -> str:
    """Return which runs these are, and from which configurations."""
    wanted = len(study.seeds) * len(study.variants)
    bases = ", ".join(f"`{path}`" for path in study.base)
    overrides = ", ".join(f"`{setting(key, value)}`" for key, value in study.overrides.items())
    machine = sorted({str(row["machine"]) for row in evidence.runs if row.get("machine")})
    return (
        f"{len(evidence.runs)} of {wanted} runs; seeds {', '.join(map(str, study.seeds))}; from "
        f"{bases}"
        + (f" with {overrides}" if overrides else "")
        + "."
        + (f" On {'; '.join(machine)}." if machine else "")
    )


def setting(key: str, value: Any) -> str:
    """Return an override as one line of YAML."""
    return yaml.safe_dump({key: value}, default_flow_style=True, width=1000).strip()[1:-1]


def answered(question: Question, study: Study, evidence: Evidence) -> str:
    """Return a question, what the runs show, and what its source says."""
    of, against = (tables.label(study, name) for name in (question.of, question.against))
    found = tables.answer(evidence, question.of, question.against, question.metric)
    remarks = {
        "The source": question.source,
        "What differs": question.protocol,
        "Finding": question.finding,
    }
    lines = [f"- {name}: {text.rstrip('.')}." for name, text in remarks.items() if text]
    verdict = f"**{question.ask}** {of} against {against}: **{found}**."
    return "\n".join([verdict, "", *lines]) if lines else verdict


def spread_parts(study: Study, evidence: Evidence) -> list[str]:
    """Return the tables of what reaches each layer, if the runs looked."""
    parts = []
    for step in sorted({row["step"] for row in evidence.spreads}):
        when = "at the start" if step == 0 else f"after {step} steps"
        parts += [
            f"Spread of the pre-activations across 64 images, {when}, mean over the seeds:",
            tables.spreads(study, evidence, "forward", step),
            f"Spread of the loss' gradient by them across the images, {when}:",
            tables.spreads(study, evidence, "backward", step),
        ]
    return ["## What reaches each layer", *parts] if parts else []
