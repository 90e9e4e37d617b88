"""The one process of a job that prints and writes."""

from lightning.pytorch.utilities import rank_zero_only


def is_rank_zero() -> bool:
    """Tell whether this is the one process of the job that writes, before there is a Trainer."""
    return bool(rank_zero_only.rank == 0)  # type: ignore[attr-defined]


@rank_zero_only
def say(line: str) -> None:
    """Print one line, once a job."""
    print(line, flush=True)
