"""What Lightning says without being asked, and nobody needs."""

import logging
import warnings

NOTICES = (
    "Tip:",
    "Loading `train_dataloader` to estimate",
    "GPU available: False",
    "TPU available: False",
)


def quieten() -> None:
    """Hide what Lightning prints as advertising, or warns of without reason here."""
    logging.getLogger("lightning.pytorch.utilities.rank_zero").addFilter(
        lambda record: not any(words in record.getMessage() for words in NOTICES)
    )
    for told in (
        "fabric.utilities.seed",  # that it takes the seed, which the configuration holds
        "pytorch.trainer.connectors.signal_connector",  # that it was stopped
    ):
        logging.getLogger(f"lightning.{told}").setLevel(logging.WARNING)
    for message in (
        "isinstance.treespec, LeafSpec",  # Lightning 2.6 calls torch's pytree in the old way
        "srun. command is available on your system",  # cluster.check tells what is wrong
        "exists and is not empty",  # a resumed run continues in its own folder
        "callbacks used to create the checkpoint need to be provided",  # cli.changes judges that
        "params to be frozen already exist",  # norms, which BackboneFinetuning never freezes
        "smaller than the logging interval",  # a short epoch is logged at its end
    ):
        warnings.filterwarnings("ignore", f".*{message}.*")
