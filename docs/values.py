"""Write the figures of README, docs and config headers from the rows in results/.

    python docs/values.py            # write those that are stale
    python docs/values.py --check    # name the pages that are, and exit with status 1 (make lint)

In a page, what stands between `<!-- error hour large -->` and `<!-- / -->` is what the function
`error` below returns for the words after its name. In a config whose `# result:` has rows, the
second half of `# cost:` is what `cost` returns.
"""

import csv
import json
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import chain
from pathlib import Path
from statistics import fmean, median, quantiles
from typing import Any

from alexnet_lightning.studies import tables, targets
from alexnet_lightning.studies.contrasts import contrasts
from alexnet_lightning.studies.levels import reached, values
from alexnet_lightning.studies.plan import Study, read_study
from alexnet_lightning.studies.published import correlation as rank_correlation
from alexnet_lightning.studies.published import pairs
from alexnet_lightning.studies.rows import Evidence, operations, read
from alexnet_lightning.studies.statistics import Estimate
from alexnet_lightning.training.summary import run_table

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "results"
PAGES = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), RESULTS / "README.md"]
CONFIGS = [*sorted(ROOT.glob("configs/*.yaml")), *sorted(ROOT.glob("configs/studies/*.yaml"))]
NO_RUN = "not run yet"
MARKED = re.compile(r"(<!-- (\w+) ([^>]+) -->).*?(<!-- / -->)", re.DOTALL)


@cache
def evidence(study: str) -> Evidence:
    """Return the rows of a study's report."""
    return read(RESULTS / study)


@cache
def plan_of(study: str) -> Study:
    """Return the plan of a study's report."""
    return read_study(RESULTS / study / "study.yaml")


@cache
def summary(run: str) -> dict[str, Any]:
    """Return the figures of a single run."""
    figures: dict[str, Any] = json.loads(
        (RESULTS / run / "summary.json").read_text(encoding="utf-8")
    )
    return figures


def error(study: str, variant: str) -> str:
    """Test top-1 error of a variant with its interval."""
    return tables.error(evidence(study), variant, "test/top1")


def accuracy(study: str, variant: str) -> str:
    """Test top-1 accuracy of a variant with its interval, and the number of seeds."""
    found = [100 * each for each in evidence(study).by_seed(variant, "test/top1").values()]
    return f"{tables.shown(found)} % (n = {len(found)})" if found else NO_RUN


def recipe(study: str) -> str:
    """All variants of a study as a table, the most accurate first, with what a training costs."""
    plan, rows = plan_of(study), evidence(study)
    header = ["variant", "n", "test top-1", "parameters", "multiply-adds", "operations", "time"]
    lines = []
    for name in plan.variants:
        runs = [row for row in rows.runs if row["variant"] == name]
        if not runs:
            continue
        top1 = [100 * row["test/top1"] for row in runs]
        cells = [f"`{plan.label(name)}`", str(len(runs)), f"{tables.shown(top1)} %"]
        cells += [f"{runs[0]['parameters']:,}", f"{runs[0]['multiply_adds'] / 1e6:.1f} M"]
        totals = [total for row in runs if (total := operations(row))]
        cells += [f"{fmean(totals) / 1e12:.1f} TFLOP"]
        cells += [tables.duration(fmean(row["seconds"] for row in runs))]
        lines.append((fmean(top1), cells))
    ranked = [cells for _, cells in sorted(lines, reverse=True)]
    return f"\n\n{tables.table(header, ranked)}\n\n"


def correlation(study: str) -> str:
    """Spearman's rank correlation of the source's differences and ours."""
    plan = plan_of(study)
    return str(rank_correlation(pairs(plan, evidence(study))) or NO_RUN)


def target(study: str, variant: str) -> str:
    """Whether a variant passes its target: "passed, p = 0.002"."""
    every = targets.passed(plan_of(study), evidence(study))
    found = next((each for each in every if each.variant == variant), None)
    if found is None:
        return NO_RUN
    if found.top1.n == 1:
        return found.verdict
    return f"{found.verdict}, p {tables.probability(found.p, '= ')}"


def answer(study: str, of: str, against: str, *metric: str) -> str:
    """What a question's contrast shows, by default of test top-1 accuracy.

    Of two metrics, with a bar between them, the second is that of `against`.
    """
    metrics = (" ".join(metric) or "test/top1").split(" | ")
    sides = [(of, metrics[0]), (against, metrics[-1])]
    plan = plan_of(study)
    found = contrasts(plan, evidence(study))
    return next(each.verdict for each in found if each.question.sides == sides)


def worth(metric: str) -> str:
    """All contrasts of a metric over all studies as a table, the largest difference first."""
    found: dict[tuple[float, ...], tuple[float, list[str]]] = {}
    for path in sorted(RESULTS.glob("*/study.yaml")):
        study, rows = plan_of(path.parent.name), evidence(path.parent.name)
        for each in contrasts(study, rows):
            question, difference = each.question, each.difference
            if {metric} != {name for _, name in question.sides} or difference is None:
                continue
            n, told, *_ = tables.tests(each)
            word = each.word if difference.n > 1 else "one run"
            word += "" if question.primary or difference.n == 1 else ", exploratory"
            cells = [study.sides(question), told.removesuffix(f" {question.kind.unit}"), n, word]
            line = [*cells, f"[{path.parent.name}]({path.parent.name}/report.md)"]
            # Runs that two studies share are one comparison.
            sides = (values(rows, *side).values() for side in question.sides)
            found.setdefault(tuple(chain(*sides)), (difference.mean, line))
    header = ["comparison", "points", "n", "verdict", "study"]
    lines = [line for _, line in sorted(found.values(), key=lambda each: -each[0])]
    return f"\n\n{tables.table(header, lines)}\n\n"


def planned(*pilots: str) -> str:
    """How good the plans of the first seeds were, over all studies' primary contrasts, as a table.

    For the interval that five seeds or more have, the first ones should ask for just as many.
    """
    header = ["first seeds", "asked for, four in five", "enough", "to be safe, median", "enough"]
    return f"\n\n{tables.table(header, [plan_row(int(first)) for first in pilots])}\n\n"


def plan_row(first: int) -> list[str]:
    """How good the plans of so many seeds were: their seeds over those that it took."""
    found, safe = [], []
    for path in sorted(RESULTS.glob("*/study.yaml")):
        study, rows = plan_of(path.parent.name), evidence(path.parent.name)
        seeds = sorted({row["seed"] for row in rows.runs})[:first]
        pilot = replace(rows, runs=[row for row in rows.runs if row["seed"] in seeds])
        for before, after in zip(contrasts(study, pilot), contrasts(study, rows), strict=True):
            few, every = before.difference, after.difference
            if not few or not every or not after.question.primary:
                continue
            if few.n == first and every.n > 4 and every.sd > 0:
                found.append(Estimate.values_for(every.half, few.sd) / every.n)
                safe.append(Estimate.values_for(every.half, few.upper_sd) / every.n)
    low, *_, high = quantiles(found, n=10)
    enough, safely = (f"{sum(x >= 1 for x in each)} of {len(each)}" for each in (found, safe))
    asked = f"{low:.1f} to {high:.1f} times"
    return [str(first), asked, enough, f"{median(safe):.1f} times", safely]


def ratio(study: str, of: str, against: str, metric: str, level: str) -> str:
    """Epochs that one variant takes to a level over those of another."""
    sides = (reached(evidence(study), name, metric, float(level)) for name in (of, against))
    return tables.ratio_cell(*sides)


def minutes(study: str, variant: str) -> str:
    """Minutes of training of each seed; of more than two the least and the most."""
    found = [f"{x / 60:.1f}" for x in sorted(evidence(study).by_seed(variant, "seconds").values())]
    between = " to " if len(found) > 2 else " and "
    return between.join(found if len(found) < 3 else (found[0], found[-1])) + " minutes"


def duration(run: str) -> str:
    """Training time of a single run."""
    return spent(summary(run)["seconds"])


def spent(seconds: float) -> str:
    """Return a time as "566 s" or "12 min"."""
    return f"{seconds / 60:.0f} min" if seconds > 600 else f"{seconds:.0f} s"


def table(run: str) -> str:
    """The table that a single run ended with, as an indented block."""
    figures = summary(run)
    folder = Path(str(figures["best_checkpoint"])).parents[1]
    lines = run_table(figures, folder).strip("\n").splitlines()
    return "\n\n" + "\n".join(f"    {line}".rstrip() for line in lines) + "\n\n"


def cost(path: Path) -> str | None:
    """Time and machine of the runs that a config's result names; None where there are no rows."""
    found = re.search(
        r"^# result: +results/(\w+)(?: \(|,|$)", path.read_text(encoding="utf-8"), re.MULTILINE
    )
    folder = RESULTS / (found[1] if found else "none")
    rows: list[dict[str, Any]] = []
    if (folder / "summary.json").is_file():
        rows = [summary(folder.name)]
    elif (folder / "runs.csv").is_file():
        with (folder / "runs.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    if path.parent.name != "studies":  # an experiment's own runs, as they are in the file
        here = str(path.relative_to(ROOT))
        rows = [row for row in rows if row.get("config", here) == here and not row.get("overrides")]
    if not rows:
        return None
    seconds = sum(float(row["seconds"]) for row in rows)
    words = "in all" if len(rows) > 1 else ""
    if path.parent.name != "studies" and words:
        seconds, words = seconds / len(rows), "each"
    machines = sorted({str(row["machine"]) for row in rows if row.get("machine")})
    where = f"({'; '.join(machines)})" if machines else ""
    return " ".join(filter(None, [f"{spent(seconds)} of training", words, where]))


FUNCTIONS: tuple[Callable[..., str], ...] = (
    error, accuracy, recipe, correlation, target, answer, worth, planned, ratio, minutes, duration,
    table,
)  # fmt: skip
WRITERS = {each.__name__: each for each in FUNCTIONS}


def page(text: str) -> str:
    """Return a page with the figures of today."""

    def filled(found: re.Match[str]) -> str:
        return f"{found[1]}{WRITERS[found[2]](*found[3].split())}{found[4]}"

    return MARKED.sub(filled, text)


def config(path: Path) -> str:
    """Return a config with the cost of its rows in its header, after what is trained."""
    text, found = path.read_text(encoding="utf-8"), cost(path)
    if found is None:
        return text
    return re.sub(
        r"^(# cost: +[^:\n]*: ).*\n(?:#          .*\n)*", rf"\g<1>{found}\n", text, flags=re.M
    )


def stale() -> dict[Path, str]:
    """Return what the pages that are stale should hold."""
    fresh = {path: page(path.read_text(encoding="utf-8")) for path in PAGES}
    fresh |= {path: config(path) for path in CONFIGS}
    return {path: text for path, text in fresh.items() if text != path.read_text(encoding="utf-8")}


def main() -> None:
    """Write the pages that are stale, or name them."""
    found = stale()
    names = ", ".join(str(path.relative_to(ROOT)) for path in found)
    if found and "--check" in sys.argv:
        sys.exit(f"stale: {names}; run python docs/values.py")
    for path, text in found.items():
        path.write_text(text, encoding="utf-8")
    print(f"written: {names}" if found else "all figures are those of results/")


if __name__ == "__main__":
    main()
