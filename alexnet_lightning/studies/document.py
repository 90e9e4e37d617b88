"""A study's report, in Markdown: answers first, then the evidence."""

from collections.abc import Sequence

import yaml

from alexnet_lightning.studies import tables
from alexnet_lightning.studies.plan import Question, Study
from alexnet_lightning.studies.rows import Evidence

METHOD = (
    "Errors are on the test images, with the checkpoint of the best validation accuracy; ± is half "
    "the width of the 95 % interval by Student's t over n seeds. A seed sets the initialization, "
    "the validation split, the order of images, crops and dropout; differences are taken seed by "
    "seed, and one whose interval includes zero is called no difference shown."
)
COSTS = (
    "Multiply-adds are per image; seconds of training are on the machine above, which the runs "
    "share as the notes say. 5-NN is the accuracy of five nearest neighbors among 1,000 validation "
    "images, in the embeddings at the backbone's output (features) and before the logits "
    "(penultimate)."
)


def document(
    study: Study, evidence: Evidence, ledger: str, figures: Sequence[tuple[str, str]]
) -> str:
    """Return the whole report, with a table of all runs and figures by file name and caption."""
    parts = {
        f"# {study.title}": [study.notes, size(study, evidence)],
        "## Answers": [answered(question, study, evidence) for question in study.questions],
        "## Results": [tables.results(study, evidence), METHOD],
        "": [tables.costs(study, evidence), COSTS],
        "## Step by step": [tables.ladder(study, evidence)] if study.ladder else [],
        "## Epochs to a level": [tables.reach(study, evidence)] if study.reach else [],
        "## Curves": [f"![{text}](figures/{name})\n\n{text}" for name, text in figures],
        "## What reaches each layer": spread_parts(study, evidence),
        "## Every run": [ledger],
    }
    lines = [text for heading, content in parts.items() if content for text in (heading, *content)]
    return "\n\n".join(text.strip() for text in lines if text.strip()) + "\n"


def size(study: Study, evidence: Evidence) -> str:
    """Return which runs these are, from which configurations, on which machines."""
    wanted = len(study.seeds) * len(study.variants)
    bases = ", ".join(f"`{path}`" for path in study.base)
    overrides = ", ".join(
        f"`{yaml.safe_dump({key: value}, default_flow_style=True, width=1000).strip()[1:-1]}`"
        for key, value in study.overrides.items()
    )
    machines = sorted({str(row["machine"]) for row in evidence.runs if row.get("machine")})
    text = f"{len(evidence.runs)} of {wanted} runs; seeds {', '.join(map(str, study.seeds))}; "
    text += f"from {bases} with {overrides}." if overrides else f"from {bases}."
    return text + (f" On {'; '.join(machines)}." if machines else "")


def answered(question: Question, study: Study, evidence: Evidence) -> str:
    """Return a question, what the runs show, and what its source says."""
    found = tables.answer(evidence, question.of, question.against, question.metric)
    remarks = {
        "The source": question.source,
        "What differs": question.protocol,
        "Finding": question.finding,
    }
    lines = [f"- {name}: {text.rstrip('.')}." for name, text in remarks.items() if text]
    sides = f"{study.label(question.of)} against {study.label(question.against)}"
    verdict = f"**{question.ask}** {sides}: **{found}**."
    return "\n".join([verdict, "", *lines]) if lines else verdict


def spread_parts(study: Study, evidence: Evidence) -> list[str]:
    """Return the tables of LayerSpreads: how much of the images reaches each layer."""
    parts = []
    for step in sorted({row["step"] for row in evidence.spreads}):
        when = "at the initialization" if step == 0 else f"after {step} steps"
        parts += [
            f"Standard deviation of the pre-activations over 64 images, {when} "
            "(average over the units and the seeds):",
            tables.spreads(study, evidence, "forward", step),
            f"Standard deviation over the images of the loss gradient by them, {when}:",
            tables.spreads(study, evidence, "backward", step),
        ]
    return parts
