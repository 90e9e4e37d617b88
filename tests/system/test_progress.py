"""What a command is doing, told once it takes long."""

import time

import pytest

from alexnet_lightning.system import progress


def test_what_is_quick_is_not_told(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.told("waiting"):
        pass
    assert list(progress.each(["a", "b"], "drawing")) == ["a", "b"]
    assert capsys.readouterr() == ("", "")


def test_what_is_slow_is_told_with_an_estimate(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "PATIENCE", 0.02)
    for _ in progress.each(["a", "b"], "drawing"):
        time.sleep(0.1)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == "drawing a (1 of 2) …\ndrawing b (2 of 2, about 0 s left) …\n"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (4.4, "4 s"),
        (100, "100 s"),
        (150, "2.5 min"),
        (5000, "83 min"),
        (6000, "1.7 h"),
        (9e5, "250 h"),
    ],
)
def test_a_duration(seconds: float, words: str) -> None:
    assert progress.duration(seconds) == words
