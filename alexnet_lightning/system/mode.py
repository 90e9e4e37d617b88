"""Whether this process may train: one that only predicts need not import Lightning.

Lightning takes twice as long to import as torch itself (benchmarks/startup.py).
"""

may_train = True


def never_trains() -> None:
    """Promise, before any variant is imported, that this process will not train or test."""
    global may_train
    may_train = False
