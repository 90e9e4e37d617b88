"""The programs in README and docs/ run as they are printed."""

import re
import shutil
from importlib import import_module
from pathlib import Path

import pytest
from PIL import Image

from alexnet_lightning import PUBLIC, CIFAR10DataModule
from tests.test_configs import noise

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/python.md", "docs/extending.md")
PROGRAMS = [
    (page, number, code)
    for page in PAGES
    for number, code in enumerate(
        re.findall(r"^```python\n(.*?)^```", (ROOT / page).read_text(), re.DOTALL | re.MULTILINE)
    )
]


@pytest.mark.parametrize(
    "code", [code for *_, code in PROGRAMS], ids=[f"{page}-{n}" for page, n, _ in PROGRAMS]
)
@pytest.mark.filterwarnings("ignore:The '.*_dataloader' does not have many workers")
@pytest.mark.filterwarnings("ignore:.*does not have many workers")
def test_a_program_of_the_docs_runs(
    code: str, in_tmp: Path, quick_config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    (in_tmp / "configs").mkdir()
    shutil.copy(quick_config, in_tmp / "configs" / "digits_bn.yaml")
    Image.new("L", (8, 8)).save(in_tmp / "seven.png")
    monkeypatch.setattr(CIFAR10DataModule, "load", noise)
    monkeypatch.setattr(CIFAR10DataModule, "prepare_data", lambda self: None)
    code = code.replace('"trainer.max_epochs": 3', '"trainer.max_epochs": 1')  # the same, sooner
    exec(compile(code, "docs", "exec"), {"__name__": "__main__"})


def test_the_figures_of_the_pages_are_those_of_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    values = import_module("values")
    assert not values.stale()
    text = "error <!-- error hour large -->9.99 %<!-- / --> after it"
    assert values.page(text) == "error <!-- error hour large -->9.08 ± 0.57 %<!-- / --> after it"


def test_all_comparisons_are_sorted_and_shared_runs_count_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(ROOT / "docs")
    values = import_module("values")
    rows = values.worth("test/top1").strip().splitlines()[2:]
    points = [float(row.split(" | ")[1].split(" ")[0]) for row in rows]
    assert points == sorted(points, reverse=True)
    names = ("schedules", "ladder", "copy_of_schedules")
    for name, origin in zip(names, ("schedules", "ladder", "schedules"), strict=True):
        shutil.copytree(ROOT / "results" / origin, tmp_path / name)
    monkeypatch.setattr(values, "RESULTS", tmp_path)
    for each in (values.evidence, values.plan_of):
        each.cache_clear()
    of = [row.split("[")[-1].split("]")[0] for row in values.worth("test/top1").splitlines()[4:-2]]
    for each in (values.evidence, values.plan_of):
        each.cache_clear()
    assert sorted(set(of)) == ["copy_of_schedules", "ladder"], "the first of two"


def test_the_api_page_has_every_public_name_and_says_where_it_is() -> None:
    names = re.findall(r"^::: (\S+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    assert sorted(path.rpartition(".")[-1] for path in names) == sorted(PUBLIC)
    for module, _, name in (path.rpartition(".") for path in names):
        assert vars(import_module(module))[name].__module__ == module
