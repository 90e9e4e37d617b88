"""Chains of errors as jsonargparse raises them, in one line."""

from alexnet_lightning.cli.messages import explain


def chained(*messages: str) -> Exception:
    """The outermost of errors that each come from the next."""
    error: Exception | None = None
    for message in reversed(messages):
        outer = ValueError(message)
        outer.__cause__ = error
        error = outer
    assert error is not None
    return error


def test_keys_come_from_outside_and_the_reason_from_inside() -> None:
    error = chained('Parser key "model":\n  long', 'Parser key "width":\n  x', "Too\n wide")
    assert explain(error) == "model.width: Too wide"


def test_a_key_said_twice_on_the_way_down_counts_once() -> None:
    error = chained('Parser key "data": a', 'Parser key "data": b', "bad value")
    assert explain(error) == "data: bad value"


def test_an_error_without_words_gives_its_kind() -> None:
    assert explain(KeyError()) == "KeyError"
