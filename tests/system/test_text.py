"""Text for messages and figures."""

from alexnet_lightning.system.text import short


def test_long_names_are_cut_visibly():
    assert short("automobile") == "automobile"
    assert short("n02099712-Labrador_retriever") == "n02099712-Labrador_retr…"
