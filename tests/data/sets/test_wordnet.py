"""Names of WordNet ids."""

from alexnet_lightning.data.sets.wordnet import readable


def test_no_name_twice() -> None:
    words = {"n1": "crane, wading bird", "n2": "crane", "n3": "goldfish, Carassius auratus"}
    names = readable(["n3", "n2", "n1", "n0"], words)
    assert names == ["goldfish", "crane (n2)", "crane (n1)", "n0"]
