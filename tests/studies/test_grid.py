"""What a study's YAML becomes, what is refused in one, and which of its runs are finished."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from alexnet_lightning.studies.grid import (
    check_unchanged,
    differences,
    find,
    grid,
    listing,
    resolved,
)
from alexnet_lightning.studies.plan import Study, read_study
from alexnet_lightning.studies.published import FEWEST
from alexnet_lightning.studies.tuning import trials
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.run_folder import RunFolder
from tests.studies.made_up import make_run

CONFIGS = Path(__file__).parents[2] / "configs"
STUDIES = sorted((CONFIGS / "studies").glob("*.yaml"))
QUESTION = {"ask": "?", "of": "a", "against": "b"}
GOOD = {"title": "x", "base": ["configs/a.yaml"], "variants": {"a": {}, "b": {}}, "seeds": [1]}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_fit_accepts_the_last_variant_of_every_study(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CONFIGS.parent)
    *_, run = grid(read_study(path))
    assert resolved(run, Path("runs"))["name"] == run.variant


@pytest.mark.slow
@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_fit_accepts_every_run_of_every_study_that_we_ship(
    path: Path, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if full and "\nfull:" not in path.read_text():
        pytest.skip("this study has one size")
    monkeypatch.chdir(CONFIGS.parent)
    study = read_study(path, full)
    for stage in filter(None, (trials(study), study)):
        found = [resolved(run, Path("runs")) for run in grid(stage)[: len(stage.variants)]]
        texts = {json.dumps(config | {"name": ""}) for config in found}
        assert len(texts) == len(stage.variants), "two variants are the same experiment"


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_what_makes_a_study_small_is_not_in_its_full_size(path: Path) -> None:
    if (small := read_study(path)).full is None:
        return
    study = read_study(path, full=True)
    for variant in study.variants.values():
        config, flags = variant.config or study.base, study.overrides | variant.overrides
        assert flags.get("model.width", 1) >= 1
        assert not any(part.startswith("configs/sizes/") for part in config)
    assert study.seeds == small.seeds and study.tune is None, "the rates are the sources'"


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_every_study_that_we_ship_declares_a_primary_question(path: Path) -> None:
    study = read_study(path)
    primary = any(each.primary for each in study.questions)
    # Published accuracies ask one themselves: does their order hold here?
    ordered = sum(each.published is not None for each in study.variants.values()) > FEWEST
    assert len(study.variants) == 1 or primary or ordered


def test_every_cell_has_its_own_flags_and_the_data_follow_the_seed(plan: Study) -> None:
    runs = grid(plan)
    assert [run.name for run in runs[:3]] == ["plain-seed3", "it's wide-seed3", "two files-seed3"]
    assert len(runs) == 6
    config = resolved(runs[4], Path("runs"))
    assert config["seed_everything"] == config["data"]["init_args"]["seed"] == 5
    assert config["model"]["init_args"]["width"] == 0.06
    assert config["name"] == "it's wide"
    fixed = replace(runs[4], flags=(*runs[4].flags, "--data.seed=9"))
    assert resolved(fixed, Path("runs"))["data"]["init_args"]["seed"] == 9


def test_full_size_takes_the_place_of_base_and_overrides(tmp_path: Path) -> None:
    full = {
        "base": ["configs/big.yaml"],
        "overrides": {"trainer.max_epochs": 90},
        "variants": {"b": {"config": ["configs/b.yaml"], "overrides": {"model.width": 1.0}}},
    }
    path = tmp_path / "study.yaml"
    overrides = {"model.width": 0.1}
    variants = {"a": {}, "b": {"label": "B", "overrides": {"model.width": 0.2, "test": False}}}
    study = {**GOOD, "overrides": overrides, "variants": variants, "full": full}
    path.write_text(yaml.safe_dump(study))
    found = read_study(path, full=True)
    assert found.base == ["configs/big.yaml"]
    assert found.overrides == {"trainer.max_epochs": 90}
    assert found.variants["b"].label == "B"
    assert found.variants["b"].config == ["configs/b.yaml"]
    assert found.variants["b"].overrides == {"model.width": 1.0, "test": False}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"seeds": []}, "seeds: []: give one or more"),
        ({"seeds": [1, 1]}, "seeds: [1, 1]"),
        ({"seeds": ["x"]}, "seeds"),
        ({"levels": {"chance": 10}}, "levels: chance: 10.0: give an accuracy from 0 to 1"),
        ({"variants": {}}, "variants: name at least one"),
        ({"variants": {"a/b": {}}}, "'a/b' becomes a folder"),
        ({"varaints": 1}, "varaints"),
        ({"title": None}, "title"),
        ({"questions": [{"ask": "?", "of": "a", "against": "c"}]}, "no variant c; there are a, b"),
        ({"questions": [QUESTION | {"metric": "x"}]}, "metric x: give an accuracy"),
        ({"questions": [QUESTION | {"metric": "epochs to val/top1"}]}, "metric epochs to val/top1"),
        ({"questions": [QUESTION | {"margin": 0}]}, "margin 0.0: give one > 0"),
        ({"questions": [QUESTION | {"against_metric": "val/loss"}]}, "have different units"),
        ({"questions": [QUESTION | {"primery": True}]}, "questions.primery: no such key"),
        ({"embeddings": ["c"]}, "embeddings: no variant c"),
        ({"full": {"base": ["x"], "variants": {"c": {}}}}, "full.variants: no variant c"),
    ],
)
def test_a_mistake_in_a_study_is_one_line(
    tmp_path: Path, change: dict[str, object], words: str
) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(GOOD | change))
    with pytest.raises(UserError) as error:
        read_study(path)
    assert words in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_study_without_a_full_size_says_so(tmp_path: Path) -> None:
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(GOOD))
    with pytest.raises(UserError, match="no full size"):
        read_study(path, full=True)


def test_a_run_is_found_by_variant_and_seed_the_finished_one_first(
    plan: Study, tmp_path: Path
) -> None:
    run, *others = grid(plan)
    finished = make_run(run, tmp_path, {}, "20260101-000000")
    make_run(run, tmp_path, None, "20260102-000000")
    cell = find(run, tmp_path)
    assert cell.folder is not None and cell.folder.path == finished
    assert cell.state == "finished"
    assert {find(other, tmp_path).state for other in others} == {"waiting"}


def test_a_run_under_way_is_running_and_one_left_is_unfinished(plan: Study, tmp_path: Path) -> None:
    run = grid(plan)[0]
    folder = RunFolder(make_run(run, tmp_path, None, "20260101-000000"))
    assert find(run, tmp_path).state == "unfinished"
    folder.lock()
    assert find(run, tmp_path).state == "running"
    folder.unlock()
    assert find(run, tmp_path).state == "unfinished"


def test_another_setting_than_the_run_was_begun_with_is_refused(
    plan: Study, tmp_path: Path
) -> None:
    run = grid(plan)[0]
    folder = make_run(run, tmp_path, {}, "20260101-000000")
    check_unchanged(find(run, tmp_path), tmp_path)
    changed = grid(replace(plan, overrides={**plan.overrides, "trainer.max_epochs": 7}))[0]
    with pytest.raises(UserError, match=r"trainer\.max_epochs") as error:
        check_unchanged(find(changed, tmp_path), tmp_path)
    assert str(folder) in str(error.value)


def test_a_run_of_a_version_without_an_argument_has_its_default(
    plan: Study, tmp_path: Path
) -> None:
    run = grid(plan)[0]
    config = make_run(run, tmp_path, {}, "20260101-000000") / "config.yaml"
    content = yaml.safe_load(config.read_text())
    assert content["model"]["init_args"].pop("hardest") == 1.0
    config.write_text(yaml.safe_dump(content))
    check_unchanged(find(run, tmp_path), tmp_path)
    changed = replace(run, flags=(*run.flags, "--model.hardest=0.5"))
    with pytest.raises(UserError, match=r"model\.init_args\.hardest"):
        check_unchanged(find(changed, tmp_path), tmp_path)


def test_the_list_estimates_time_from_runs_of_the_same_variant(plan: Study, tmp_path: Path) -> None:
    runs = grid(plan)
    for run, seconds in zip(runs[:3], (60.0, 600.0, 120.0), strict=True):
        make_run(run, tmp_path, {"seconds": seconds, "test/top1": 0.5}, "20260101-000000")
    text = listing([find(run, tmp_path) for run in runs], jobs=2)
    assert [line.split()[-1] for line in text.splitlines()[3:6]] == ["waiting"] * 3
    assert "50.00% test top-1, 60 s" in text
    assert "3 of 6 finished; about 6 min left, 2 at a time" in text  # 780 s / 2


def test_differences_are_dotted_keys_with_values() -> None:
    one = {"a": {"b": 1, "c": [1]}, "d": None}
    other = {"a": {"b": 2, "c": [1]}, "e": 3}
    assert differences(one, other) == {"a.b": 2, "e": 3}
    assert differences(other, one) == {"a.b": 1}, "null is as good as missing"
    moved = [{"model": {"class_path": f"alexnet_lightning.{path}"}} for path in ("models.A", "A")]
    assert differences(*moved) == {}
