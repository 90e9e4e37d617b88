"""Spearman's correlation of a source's differences with ours: known numbers, and the report."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from alexnet_lightning.studies.document import document
from alexnet_lightning.studies.figures import MOST, draw, draw_published
from alexnet_lightning.studies.plan import Study, Variant, read_study
from alexnet_lightning.studies.published import correlation, pairs, report
from alexnet_lightning.studies.rows import Evidence
from alexnet_lightning.system.errors import UserError

# en.wikipedia.org/wiki/Spearman's_rank_correlation_coefficient: rho = -29/165, p = .627188.
IQ = [106, 100, 86, 101, 99, 103, 97, 113, 112, 110]
HOURS = [7, 27, 2, 50, 28, 29, 20, 12, 6, 17]
STUDY = Study(
    title="A study",
    base=["base.yaml"],
    variants={
        "before": Variant(),
        "base": Variant(label="the base", published=0.1),
        **{f"v{iq}": Variant(published=iq / 1000) for iq in IQ},
        "unpublished": Variant(),
    },
    seeds=[1, 2],
)


def row(variant: str, seed: int, top1: float) -> dict[str, object]:
    return {"variant": variant, "seed": seed, "seconds": 60.0, "test/top1": top1}


RUNS = [
    row(name, seed, 0.30 + off)
    for seed, off in ((1, -0.01), (2, 0.01))
    for name in ("before", "base", "unpublished")
] + [
    row(f"v{iq}", seed, 0.30 + hours / 100 + off)
    for seed, off in ((1, -0.02), (2, 0.02))
    for iq, hours in zip(IQ, HOURS, strict=True)
]
EVIDENCE = Evidence(RUNS, [], [])


def test_the_correlation_is_that_of_the_textbook() -> None:
    found = correlation(pairs(STUDY, EVIDENCE))
    assert found is not None
    assert found.rho == pytest.approx(-29 / 165)
    assert found.p == pytest.approx(0.627188, abs=1e-6)
    assert found.n == 10
    # atanh(-29/165) ± 1.96 · ((1 + rho² / 2) / 7)^.5
    assert found.interval == pytest.approx((-0.7278, 0.5145), abs=1e-4)
    assert replace(found, rho=1.0).interval == (1.0, 1.0)


def test_differences_are_to_the_first_published_variant_seed_by_seed() -> None:
    found = {pair.variant: pair for pair in pairs(STUDY, EVIDENCE)}
    assert set(found) == {f"v{iq}" for iq in IQ}
    assert found["v113"].theirs == pytest.approx(1.3)
    assert found["v113"].ours.mean == pytest.approx(12.0)
    assert found["v113"].ours.n == 2
    assert found["v113"].ours.sd == pytest.approx(2**0.5)  # 11 and 13 points


def test_the_report_has_both_columns_and_the_correlation(tmp_path: Path) -> None:
    text = document(STUDY, EVIDENCE, "", {})
    assert (
        "correlation is -0.18 (95 % interval -0.73 to +0.51), p = 0.627, n = 10 variants**" in text
    )
    lines = [line for line in text.splitlines() if line.startswith("| v113")]
    assert lines[0] == "| v113 | 11.3 % | +1.3 | 2 | 42.00 % | +12.00 ± 12.71 |"
    assert "| the base | 10.0 % | – | – | 30.00 % | – |" in text
    assert draw_published(STUDY, EVIDENCE, tmp_path / "published.png")
    assert (tmp_path / "published.png").is_file()


def test_without_published_accuracies_or_an_order_nothing_is_claimed(tmp_path: Path) -> None:
    silent = replace(STUDY, variants={name: Variant() for name in STUDY.variants})
    assert report(silent, EVIDENCE) == []
    assert not draw_published(silent, EVIDENCE, tmp_path / "published.png")
    two = Evidence([each for each in RUNS if each["variant"] in ("base", "v106", "v100")], [], [])
    assert correlation(pairs(STUDY, two)) is None
    same = Evidence([each | {"test/top1": 0.5} for each in RUNS], [], [])
    assert correlation(pairs(STUDY, same)) is None
    assert "no rank correlation" in report(STUDY, same)[0]


def test_of_many_variants_the_differences_are_drawn_and_no_curves(tmp_path: Path) -> None:
    more = {f"more{index}": Variant() for index in range(MOST)}
    study = replace(STUDY, variants=STUDY.variants | more)
    assert list(draw(study, EVIDENCE, [], tmp_path, tmp_path)) == ["published.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["published.png"]


def test_an_accuracy_in_percent_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    content = {"title": "?", "base": ["a.yaml"], "seeds": [1], "variants": {"a": {"published": 47}}}
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"variants\.a\.published: 47.*an accuracy from 0 to 1"):
        read_study(path)
