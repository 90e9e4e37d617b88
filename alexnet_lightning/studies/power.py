"""How many seeds the contrasts of a study need for a wanted interval, from its first runs."""

from collections.abc import Collection
from statistics import fmean

from alexnet_lightning.studies.contrasts import Contrast, contrasts
from alexnet_lightning.studies.plan import Study
from alexnet_lightning.studies.rows import Evidence
from alexnet_lightning.studies.statistics import Estimate
from alexnet_lightning.system.errors import UserError


def seeds_needed(study: Study, evidence: Evidence, interval: float | None, jobs: int) -> str:
    """Return a line per primary contrast: seeds for an interval of ± `interval`, and their hours.

    `interval` is in the unit of each metric; None takes each question's margin. UserError if no
    contrast has what it takes.
    """
    if not evidence.runs:
        raise UserError("--plan: no run of this study is finished: run two seeds or more first")
    primary = [each for each in contrasts(study, evidence) if each.question.primary]
    if not primary:
        raise UserError("questions: none is primary: declare what is to be planned for")
    lines, most = [], 0
    for each in primary:
        question, half = each.question, interval or each.question.equivalence
        what = f"{study.sides(question)}, {question.compared}"
        if half is None:
            lines.append(f"{what}: give --interval, or the question a margin")
        elif each.difference is None or each.difference.n == 1:
            why = "one seed" if each.difference else each.remark
            lines.append(f"{what}: {why}: run two seeds or more of both first")
        else:
            seeds, text = needed(each, each.difference, half)
            most = max(most, seeds)
            time = hours(evidence, {question.of, question.against}, seeds, jobs)
            lines.append(f"{what}: {text}; {time}")
    if not most:
        raise UserError("; ".join(lines))
    every = hours(evidence, study.variants, most, jobs)
    lines.append(f"all {len(study.variants)} variants with {most} seeds: {every}, {jobs} at a time")
    return "\n".join(lines)


def needed(contrast: Contrast, pilot: Estimate, half: float) -> tuple[int, str]:
    """Return the seeds for an interval of ± half, and in words from what; and to be safe.

    The latter is for the upper limit of the standard deviation, which few seeds know badly.
    """
    kind = contrast.question.kind
    seeds, safe = (Estimate.values_for(half, sd) for sd in (pilot.sd, pilot.upper_sd))
    found = f"± {pilot.half:.{kind.digits}f} {kind.unit} with {pilot.n} seeds"
    deviation = f"standard deviation {pilot.sd:.{kind.digits}f}"
    return seeds, f"{found} ({deviation}); ± {half:g} needs {seeds} seeds, {safe} to be safe"


def hours(evidence: Evidence, variants: Collection[str], seeds: int, jobs: int) -> str:
    """Return the hours of training that some seeds of variants take, by their runs so far."""
    means = [
        fmean(found.values()) for name in variants if (found := evidence.by_seed(name, "seconds"))
    ]
    # Variants that have no run yet are taken for as long as the others.
    return f"{seeds * fmean(means) * len(variants) / jobs / 3600:.1f} h of training"
