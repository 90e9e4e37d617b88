"""Configuration files that are not what they seem, and runs with names that are none."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.strangers.conftest import Case

FILES = {
    "twice.yaml": "trainer: {max_epochs: 2}\ntrainer: {max_steps: 3}\n",
    "twice_within.yaml": "trainer:\n  max_epochs: 2\n  max_epochs: 3\n",
    "number.yaml": "trainer: 3\n",
    "empty_section.yaml": "checkpoint:\n",
    "marked.yaml": "\ufefftrainer: {max_epochs: 2}\n",
    "itself.yaml": "trainer: &t {callbacks: *t}\n",
    "billions.yaml": "a0: &a0 [1, 1]\n"
    + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(32)),
    "number_key.yaml": "trainer: {1: 2}\n",
    "nan.yaml": "model: {init_args: {width: .nan}}\n",
    "merged.yaml": "x: &x {max_epochs: 1}\ntrainer: {<<: *x, max_epochs: 3}\n",
}
CASES = [
    Case(
        "fit --config {quick} --config twice.yaml",
        r"^error: --config: twice\.yaml is no valid YAML: the key trainer stands there twice .*"
        r"line 2",
    ),
    Case("fit --config {quick} --config twice_within.yaml", r"the key max_epochs stands .* line 3"),
    Case(
        "fit --config {quick} --config number.yaml",
        r"^error: --config: number\.yaml: trainer is 3: give it keys, or leave it out$",
    ),
    Case(
        "fit --config {quick} --config empty_section.yaml",
        r"^error: --config: empty_section\.yaml: checkpoint is None: give it keys",
    ),
    Case(
        "fit --config marked.yaml",
        r"^error: --config: marked\.yaml begins with a byte order mark; save it without one$",
    ),
    Case("fit --config loop.yaml", r"cannot read loop\.yaml: Too many levels of symbolic links$"),
    Case(
        "fit --config {quick} --config itself.yaml",
        r"^error: --config: itself\.yaml is no valid YAML: \*t stands within what it names: line 1",
    ),
    Case(
        "fit --config {quick} --config billions.yaml",
        r"billions\.yaml is no valid YAML: with its aliases it has [\d,]+ values; at most 100,000$",
    ),
    Case("fit --config {quick} --config number_key.yaml", r"has the key 1, which is no text"),
    Case("fit --config {quick} --config nan.yaml", r"width is nan: give a number > 0$"),
    Case(
        "fit --config {quick} --model.bias_lr_factor .nan", r"^error: model\.bias_lr_factor is nan"
    ),
    Case(
        "fit --config {quick} --model.backbone_lr_factor .inf",
        r"^error: model\.backbone_lr_factor is inf: give a number > 0",
    ),
    Case("fit --config {quick} --recovery.every_n_minutes .nan", r"every_n_minutes is nan: give"),
    Case("fit --config {quick} --data.pixel_max .nan", r"^error: data\.pixel_max is nan: give"),
    Case("fit --config {quick} --data.std [.nan]", r"^error: data\.std is .*nan.*must be > 0$"),
    Case(
        "fit --config {quick} --model.lr_scheduler WarmupPolynomial "
        "--model.lr_scheduler.power .nan",
        r"power is nan: give a number > 0$",
    ),
    Case("fit --config {quick} --name 'a\nb'", r"^error: name is 'a\\nb': give the name of a fold"),
    Case("fit --config {quick} --name ' '", r"^error: name is ' ': give the name of a folder"),
    Case("fit --config", r"^error: --config: give a YAML file, as configs/digits_bn\.yaml$"),
    Case("fit --config=", r"^error: --config: give a YAML file"),
    Case("fit {quick}", r"^error: .*quick\.yaml: give it as --config .*quick\.yaml$"),
    Case("fit --config {quick} --name ../x", r"^error: name is '\.\./x': give the name of a fold"),
    Case("fit --config {quick} --name /x", r"^error: name is '/x': give the name of a folder"),
    Case("fit --config {quick} --name ''", r"^error: name is '': give the name of a folder in"),
]


@pytest.fixture(autouse=True)
def files(in_tmp: Path) -> None:
    for name, content in FILES.items():
        (in_tmp / name).write_text(content, encoding="utf-8")
    (in_tmp / "loop.yaml").symlink_to("loop.yaml")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_command_ends_in_one_line(case: Case, ends: Callable[..., tuple[str, str]]) -> None:
    ends(case)


def test_a_merged_mapping_may_be_overruled() -> None:
    from alexnet_lightning.cli.config_files import check_yaml

    assert check_yaml(Path("merged.yaml"))["trainer"] == {"max_epochs": 3}
