"""Intervals, tests and numbers of seeds against scipy's own and against printed ones."""

import math

import numpy as np
import pytest
from scipy import stats

from alexnet_lightning.studies.statistics import Estimate, binomial_error, estimate, holm, paired
from alexnet_lightning.studies.tables import shown

ONE = {1: 60.1, 2: 62.3, 3: 61.0, 4: 59.7}
OTHER = {1: 57.9, 2: 60.2, 3: 60.1, 4: 58.8}
DIFFERENCES = [ONE[seed] - OTHER[seed] for seed in ONE]


def test_the_interval_of_a_mean_is_scipys() -> None:
    found = estimate(list(ONE.values()))
    values = np.array(list(ONE.values()))
    low, high = stats.t.interval(0.95, 3, loc=values.mean(), scale=stats.sem(values))
    assert found.mean == pytest.approx(values.mean())
    assert found.half == pytest.approx((high - low) / 2)
    assert found.n == 4


def test_a_difference_is_paired_by_seed_as_scipys_paired_test_has_it() -> None:
    found = paired(ONE, dict(reversed(OTHER.items())))
    test = stats.ttest_rel(list(ONE.values()), list(OTHER.values()))
    wanted = test.confidence_interval(0.95)
    assert found is not None
    assert found.p == pytest.approx(test.pvalue)
    assert found.mean - found.half == pytest.approx(wanted.low)
    assert found.mean + found.half == pytest.approx(wanted.high)


def test_a_known_interval_of_three_by_hand() -> None:
    # s = 1, t(0.975, 2) = 4.302653, so half = 4.302653 / √3.
    found = estimate([1.0, 2.0, 3.0])
    assert (found.mean, found.sd) == (2.0, 1.0)
    assert found.half == pytest.approx(2.484138, abs=1e-6)


def test_only_seeds_that_both_have_count() -> None:
    found = paired({1: 3.0, 2: 9.0}, {1: 1.0, 5: 0.0})
    assert found is not None and (found.mean, found.n) == (2.0, 1)
    assert math.isnan(found.half)
    assert paired({1: 3.0}, {2: 1.0}) is None


@pytest.mark.parametrize("margin", [1.0, 2.0, 3.0])
def test_equivalence_is_the_larger_of_scipys_two_one_sided_tests(margin: float) -> None:
    above = stats.ttest_1samp(DIFFERENCES, -margin, alternative="greater").pvalue
    below = stats.ttest_1samp(DIFFERENCES, margin, alternative="less").pvalue
    assert estimate(DIFFERENCES).p_within(margin) == pytest.approx(max(above, below))


def test_networks_that_all_stay_at_chance_do_not_differ() -> None:
    same, apart = estimate([0.0, 0.0, 0.0]), estimate([2.0, 2.0])
    assert (same.p, same.p_within(1), same.detectable) == (1, 0, 0)
    assert (apart.p, apart.p_within(1)) == (0, 1)


def test_holms_correction_is_that_of_r() -> None:
    # p.adjust(c(.01, .04, .03, .005), "holm")
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.4, 0.9]) == pytest.approx([0.8, 0.9])
    assert holm([]) == []


# In standard deviations, two-sided α = .05, power .8: 34 pairs for an effect of half of one.
@pytest.mark.parametrize(("n", "effect"), [(5, 1.6819), (10, 0.9960), (20, 0.6604), (34, 0.4950)])
def test_what_n_seeds_detect_is_by_the_noncentral_t(n: int, effect: float) -> None:
    found = Estimate(0.0, 1.0, n).detectable
    assert found == pytest.approx(effect, abs=1e-4)
    quantile, shift = stats.t.ppf(0.975, n - 1), found * math.sqrt(n)
    power = stats.nct.sf(quantile, n - 1, shift) + stats.nct.cdf(-quantile, n - 1, shift)
    assert power == pytest.approx(0.8, abs=1e-4)


def test_two_seeds_detect_only_what_is_large() -> None:
    chance = np.random.default_rng(0)
    effect = Estimate(0.0, 1.0, 2).detectable
    pairs = chance.normal(effect, 1.0, (100_000, 2))
    shown = stats.ttest_1samp(pairs, 0, axis=1).pvalue < 0.05
    assert shown.mean() == pytest.approx(0.8, abs=0.005)


@pytest.mark.parametrize(("half", "sd", "n"), [(1.0, 2.0, 18), (0.5, 0.1, 3), (1.0, 0.0, 2)])
def test_a_known_deviation_needs_a_known_number_of_seeds(half: float, sd: float, n: int) -> None:
    assert Estimate.values_for(half, sd) == n
    assert Estimate(0.0, sd, n).half <= half
    assert n == 2 or Estimate(0.0, sd, n - 1).half > half


def test_the_upper_limit_of_a_deviation_is_exceeded_by_a_fifth() -> None:
    samples = np.random.default_rng(0).normal(0.0, 1.0, (1000, 4))
    upper = [estimate(sample).upper_sd for sample in samples]
    assert np.mean(np.array(upper) < 1.0) == pytest.approx(0.2, abs=0.03)


def test_the_error_of_ten_thousand_test_images() -> None:
    assert binomial_error(0.5, 10_000) == pytest.approx(0.005)


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
