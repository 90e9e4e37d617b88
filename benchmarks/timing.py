"""What the benchmarks share: both sides timed in turn, the check of their work, the last line.

A ratio is the median over pairs of runs that follow each other, so a machine whose speed drifts
does not change it. No ratio is computed unless both sides did the same work.
"""

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple


class UnequalWorkError(RuntimeError):
    """The two sides of a comparison did different work, or none."""


class Timed(NamedTuple):
    """How long one side took, and what it did.

    Args:
        seconds: of whichever clock suits.
        work: number of images, batches or steps, > 0; any value that must be the same on both
            sides.
    """

    seconds: float
    work: Any


class Pairs(NamedTuple):
    """Seconds of the baseline and of our side, by round."""

    base: list[float]
    ours: list[float]

    @property
    def ratio(self) -> float:
        """Median of baseline / ours: how many times as fast our side is."""
        return statistics.median(self.ratios)

    @property
    def ratios(self) -> list[float]:
        """Baseline / ours of each pair."""
        return [base / ours for base, ours in zip(self.base, self.ours, strict=True)]

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles of the pairs' ratios; 0 for a single pair."""
        if len(self.ratios) == 1:
            return 0.0
        low, _, high = statistics.quantiles(self.ratios, n=4, method="inclusive")
        return (high - low) / 2

    @property
    def medians(self) -> tuple[float, float]:
        """Seconds of the baseline and of our side."""
        return statistics.median(self.base), statistics.median(self.ours)


def in_turn(
    base: Callable[[], Timed], ours: Callable[[], Timed], rounds: int, warm_up: int = 1
) -> Pairs:
    """Run both sides in turn.

    Args:
        rounds: pairs that count.
        warm_up: pairs before them that do not.

    Raises:
        UnequalWorkError: in some round the sides did different work, or none.
    """
    found = []
    for number in range(warm_up + rounds):
        pair = base(), ours()
        require_same_work(f"round {number}", *(side.work for side in pair))
        found.append([side.seconds for side in pair])
    return Pairs(*map(list, zip(*found[warm_up:], strict=True)))


def require_same_work(what: str, base: Any, ours: Any) -> None:
    """Raise an UnequalWorkError unless both values are equal and not zero, empty or None."""
    if base != ours or not base:
        raise UnequalWorkError(f"{what}: the baseline did {base!r}, our side {ours!r}")


def require_close(what: str, base: Sequence[float], ours: Sequence[float], rtol: float) -> float:
    """Return the largest relative difference of two series.

    Raises:
        UnequalWorkError: they are empty, differ in length or by more than `rtol`, or are not
            finite.
    """
    require_same_work(f"number of {what}", len(base), len(ours))
    differences = [abs(a - b) / max(abs(a), 1e-12) for a, b in zip(base, ours, strict=True)]
    if not all(difference <= rtol for difference in differences):  # catches NaN as well
        raise UnequalWorkError(f"{what} differ: the baseline has {base}, our side {ours}")
    return max(differences)


def seconds(work: Callable[[], Any]) -> float:
    """Return the wall-clock time of a call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def parse(
    doc: str | None, args: Sequence[str] | None, rounds: int, *flags: tuple[str, Mapping[str, Any]]
) -> argparse.Namespace:
    """Return the options of a benchmark: `--rounds`, `--tiny` and its own flags.

    Args:
        doc: the benchmark's docstring.
        args: of the command line; None for the program's own.
        rounds: default of `--rounds`; 1 with `--tiny`.
        flags: name and keywords of `add_argument`.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, help=f"pairs of each comparison (default: {rounds})")
    parser.add_argument(
        "--tiny", action="store_true", help="a second of work that tests the benchmark itself"
    )
    for name, keywords in flags:
        parser.add_argument(name, **keywords)
    options = parser.parse_args(args)
    options.rounds = options.rounds or (1 if options.tiny else rounds)
    return options


def report(figures: Mapping[str, Any], digits: int = 3) -> None:
    """Print the figures as the benchmark's last line, JSON.

    Raises:
        UnequalWorkError: a figure is not finite.
    """
    rounded = {
        name: round(value, digits) if isinstance(value, float) else value
        for name, value in figures.items()
    }
    for name, value in rounded.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UnequalWorkError(f"{name} is {value}")
    print(json.dumps(rounded))
