"""What the runs show of a study's questions: differences seed by seed, and verdicts on them."""

import math
from dataclasses import dataclass, replace

from alexnet_lightning.studies.levels import values
from alexnet_lightning.studies.plan import Question, Study
from alexnet_lightning.studies.rows import Evidence
from alexnet_lightning.studies.statistics import ALPHA, Estimate, binomial_error, holm, paired


@dataclass(frozen=True)
class Contrast:
    """The difference of a question's two sides, in the unit of its metric."""

    question: Question
    difference: Estimate | None  # None: `remark` says why
    remark: str = ""  # what a reader must know of the figures
    p: float = 1.0  # of no difference; of primary questions corrected for their number
    p_within: float = 1.0  # of a difference beyond the margin, corrected in the same way

    @property
    def word(self) -> str:
        """The verdict without figures: a verb, "within ± 1 point" or "undecided"."""
        kind = self.question.kind
        if self.difference is not None and self.p < ALPHA:
            better = (self.difference.mean < 0) == kind.lower_is_better
            return kind.better if better else kind.worse
        return self.question.within if self.p_within < ALPHA else "undecided"

    @property
    def verdict(self) -> str:
        """What the difference shows, in words and figures."""
        found, kind = self.difference, self.question.kind
        if found is None:
            return self.remark
        mean, n = f"{found.mean:+.{kind.digits}f}", f"n = {found.n}"
        if found.n == 1:
            return f"one run: {mean} {kind.unit}, no interval{self.remark}"
        if found.half > kind.most:
            return f"undecided ({mean} {kind.unit}, {n}: too few for an interval)"
        half = f"± {found.half:.{kind.digits}f} {kind.unit}, {n}{self.remark}"
        if self.p >= ALPHA:
            return f"{self.word} ({mean} {half})"
        also = f", {self.question.within}" if self.p_within < ALPHA else ""
        return f"{self.word} {mean[1:]} {half}{also}"


def contrasts(study: Study, evidence: Evidence) -> list[Contrast]:
    """Return what is found of every question, p-values corrected over the primary ones."""
    found = [contrast(question, evidence) for question in study.questions]
    primary = [each for each in found if each.question.primary]
    p, p_within = holm([each.p for each in primary]), holm([each.p_within for each in primary])
    corrected = (
        replace(each, p=one, p_within=two)
        for each, one, two in zip(primary, p, p_within, strict=True)
    )
    return [next(corrected) if each.question.primary else each for each in found]


def contrast(question: Question, evidence: Evidence) -> Contrast:
    """Return what is found of one question, its p-values as they are."""
    sides = question.sides
    targets = {evidence.soft_targets(name) for name, _ in sides}
    if "train/loss" in question.metric and len(targets) > 1:
        return Contrast(question, None, "training losses of different targets")
    difference = paired(*(values(evidence, *side) for side in sides))
    if difference is None:
        return Contrast(question, None, "no runs to tell it by")
    if difference.n == 1:
        return Contrast(question, difference, error_of_test(question, evidence))
    finished = set.intersection(*(set(evidence.by_seed(name, "seconds")) for name, _ in sides))
    missing = len(finished) - difference.n
    remark = f", {missing} more without a value" if missing else ""
    margin = question.equivalence
    p_within = 1.0 if margin is None else difference.p_within(margin)
    return Contrast(question, difference, remark, difference.p, p_within)


def error_of_test(question: Question, evidence: Evidence) -> str:
    """Return the standard error that the choice of test images gives a difference of two runs."""
    variances = [
        binomial_error(row[metric], row["test/images"]) ** 2
        for name, metric in question.sides
        for row in evidence.runs
        if row["variant"] == name and metric.startswith("test/top") and "test/images" in row
    ]
    if len(variances) != 2:
        return ""
    return f", the test images alone have a standard error of {100 * math.sqrt(sum(variances)):.2f}"
