"""Intervals against scipy's own, and what is said of a difference."""

import numpy as np
import pytest
from scipy import stats

from alexnet_lightning.studies.tables import Estimate, estimate, paired, shown, verdict

ONE = {1: 60.1, 2: 62.3, 3: 61.0, 4: 59.7}
OTHER = {1: 57.9, 2: 60.2, 3: 60.1, 4: 58.8}


def test_the_interval_of_a_mean_is_scipys() -> None:
    found = estimate(list(ONE.values()))
    values = np.array(list(ONE.values()))
    low, high = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    assert found.mean == pytest.approx(values.mean())
    assert found.half == pytest.approx((high - low) / 2)
    assert found.n == 4


def test_a_difference_is_paired_by_seed_as_scipys_paired_test_has_it() -> None:
    found = paired(ONE, dict(reversed(OTHER.items())))
    wanted = stats.ttest_rel(list(ONE.values()), list(OTHER.values())).confidence_interval(0.95)
    assert found is not None and found.half is not None
    assert found.mean - found.half == pytest.approx(wanted.low)
    assert found.mean + found.half == pytest.approx(wanted.high)


def test_a_known_interval_of_three_by_hand() -> None:
    # s = 1, t(0.975, 2) = 4.302653, so half = 4.302653 / √3.
    assert estimate([1.0, 2.0, 3.0]) == (2.0, pytest.approx(2.484138, abs=1e-6), 3)


def test_only_seeds_that_both_have_count() -> None:
    assert paired({1: 3.0, 2: 9.0}, {1: 1.0, 5: 0.0}) == (2.0, None, 1)
    assert paired({1: 3.0}, {2: 1.0}) is None


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([34.0], "34.00"),
        ([33.0, 35.0], "34.00 ± 12.71"),
        ([18.65, 49.35], "34.00 (18.65 to 49.35)"),
        ([88.0, 90.0], "89.00 (88.00 to 90.00)"),
        ([90.0, 90.0], "90.00 ± 0.00"),
    ],
)
def test_an_interval_beyond_what_is_possible_is_the_range(values: list[float], words: str) -> None:
    assert shown(values, most=100) == words


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        (Estimate(4.1, 0.8, 3), "gains 4.10 ± 0.80 points, n = 3"),
        (Estimate(-4.1, 0.8, 3), "loses 4.10 ± 0.80 points, n = 3"),
        (Estimate(0.5, 0.8, 3), "no difference shown (+0.50 ± 0.80 points, n = 3)"),
        (Estimate(-0.8, 0.8, 3), "no difference shown (-0.80 ± 0.80 points, n = 3)"),
        (Estimate(0.0, 0.0, 3), "no difference shown (+0.00 ± 0.00 points, n = 3)"),
        (Estimate(-1.5, None, 1), "one run: -1.50 points, no interval"),
        (
            Estimate(-0.69, 110.0, 2),
            "no difference shown (-0.69 points, n = 2: too few for an interval)",
        ),
    ],
)
def test_an_interval_that_holds_zero_shows_no_difference(difference: Estimate, words: str) -> None:
    assert verdict(difference) == words
