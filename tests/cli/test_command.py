"""The command line that is made from a typed function, and what all commands leave unsaid."""

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import pytest

from alexnet_lightning.cli.command import arguments, parser_of
from alexnet_lightning.fit import main as fit
from alexnet_lightning.system.errors import UserError


def paint(
    wall: str | Path,
    colors: Sequence[str],
    coats: int = 2,
    tool: Literal["brush", "roller"] = "brush",
    where: Sequence[Literal["inside", "outside"]] = ("inside",),
    dry: bool = False,
) -> None:
    """Paint a wall.

    Args:
        wall: what is painted
        colors: from light to dark
        coats: of each color
        tool: to paint with
        where: sides
        dry: wait until it is dry
    """


def train(run_dir: str, strict: bool = False, overrides: Mapping[str, Any] | None = None) -> None:
    """Take all flags of another command as well."""


def painted(*words: str) -> dict[str, Any]:
    return arguments("paint", words, paint, examples="paint wall red")


def test_words_become_the_functions_arguments() -> None:
    assert painted("wall", "red", "blue", "--coats", "3") == {
        "wall": "wall",
        "colors": ["red", "blue"],
        "coats": 3,
        "tool": "brush",
        "where": ["inside"],
        "dry": False,
    }
    assert painted("wall", "red", "--where", "outside", "inside")["where"] == ["outside", "inside"]


@pytest.mark.parametrize(
    ("words", "dry"),
    [
        (["--dry", "wall", "red"], True),
        (["wall", "red", "--dry"], True),
        (["wall", "red", "--dry", "false"], False),
        (["wall", "red", "--dry=true", "--coats", "1"], True),
    ],
)
def test_a_switch_may_stand_alone(words: list[str], dry: bool) -> None:
    found = painted(*words)
    assert (found["wall"], found["colors"], found["dry"]) == ("wall", ["red"], dry)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], "arguments are required: wall, colors; see --help"),
        (["wall"], "arguments are required: colors; see --help"),
        (["wall", "red", "--coats", "x"], "--coats: give a whole number, not x"),
        (["wall", "red", "--caots", "3"], "--caots: no such option; did you mean --coats?"),
        (["wall", "red", "--coats", "2", "blue"], "blue: one argument too many; see --help"),
        (["wall", "red", "--tool", "fork"], "--tool: give one of brush, roller"),
        (["wall", "red", "--where", "up"], "--where: give one of inside, outside"),
    ],
)
def test_a_mistake_is_one_line(words: list[str], expected: str) -> None:
    with pytest.raises(UserError) as raised:
        painted(*words)
    assert expected in str(raised.value)
    assert "\n" not in str(raised.value)


def test_help_tells_purpose_types_defaults_and_an_example(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as stop:
        painted("--help")
    page = capsys.readouterr().out
    assert stop.value.code in (0, None)
    for words in ("Paint a wall.", "from light to dark", "default: 2", "examples:\n  paint wall"):
        assert words in page


def test_help_tells_a_default_of_zero_and_of_true_but_none_that_is_empty() -> None:
    def wait(wall: str, minutes: int = 0, fan: bool = True, tools: Sequence[str] = ()) -> None:
        """Wait until the paint is dry."""

    page = parser_of("wait", [wait], examples="").format_help()
    assert "(default: 0)" in page
    assert "(default: true)" in page
    assert "()" not in page


def test_other_flags_are_for_fit_where_a_function_takes_overrides() -> None:
    words = ["run", "--data.batch_size", "5", "--strict", "--trainer.devices=1"]
    assert arguments("train", words, train, examples="") == {
        "run_dir": "run",
        "strict": True,
        "overrides": ["--data.batch_size", "5", "--trainer.devices=1"],
    }


def test_lightning_says_nothing_that_is_plain(
    outcome: Callable[..., tuple[int, str, str]],
    quick_config: Path,
    in_tmp: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("WANDB_MODE", "disabled")
    monkeypatch.setattr(logging.getLogger("lightning"), "handlers", [caplog.handler])
    schedule = ["--model.lr_scheduler", "OneCycleLR", "--model.lr_scheduler.max_lr", "0.003"]
    status, _, _ = outcome(fit, "--config", quick_config, "--trainer.max_epochs", 1, *schedule)
    assert status == 0
    said = [record.getMessage() for record in caplog.records]
    assert any("max_epochs" in line for line in said)  # it is heard at all
    for words in ("Tip:", "Seed set to", "Loading `train_dataloader`", "PU available: False"):
        assert not any(words in line for line in said)
