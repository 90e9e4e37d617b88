"""Test a trained network again, on the test or the validation images."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from alexnet_lightning.cli.command import arguments, run_command
from alexnet_lightning.system.atomic import check_writable, replacing
from alexnet_lightning.system.devices import Device, chosen_device
from alexnet_lightning.system.errors import UserError

EXAMPLES = """
python -m alexnet_lightning.evaluate latest
python -m alexnet_lightning.evaluate runs/cifar_bn/20261122-002844 --split val
python -m alexnet_lightning.evaluate cifar_bn --checkpoint last --data.batch_size 500
"""


def evaluate(
    run_dir: str | Path,
    checkpoint: str = "best",
    split: Literal["val", "test"] = "test",
    device: Device | None = None,
    output: str | Path | None = None,
    overrides: Mapping[str, Any] | Sequence[str] = (),
) -> dict[str, float]:
    """Test a trained network again; the figures are those of `fit`, to the bit.

    All flags of `fit` are taken as well, and change the run's configuration.

    Args:
        run_dir: run folder, the name of a config (its newest run), or latest
        checkpoint: best, last, or the path of a checkpoint
        split: images to test on
        device: auto (a GPU if there is one), cpu, cuda, cuda:1 or mps; as in the run by default
        output: JSON file for the figures
        overrides: flags of `fit` and their values, as {"data.batch_size": 500}

    Returns:
        Loss, top-k accuracies and number of images, named as the metrics.

    Raises:
        UserError: no such run or checkpoint, one that does not fit the run's configuration, data
            that has changed since, or several views of validation images.
    """
    from alexnet_lightning.cli.config_files import as_flags
    from alexnet_lightning.training.own_variant import own_variant
    from alexnet_lightning.training.run_folder import RunFolder

    flags = as_flags(overrides)
    if device is not None:
        kind, _, index = chosen_device(device).partition(":")
        flags += [
            f"--trainer.accelerator={kind}",
            f"--trainer.devices={f'[{index}]' if index else 1}",
        ]
    if split not in ("val", "test"):
        raise UserError(f"split is {split}: give val or test")
    if split == "val" and any(flag.startswith("--data.views") for flag in flags):
        raise UserError("--data.views: validation shows each image once; give --split test")
    if output is not None:
        check_writable("--output", Path(output))
    run = RunFolder.find(run_dir)
    own_variant(run)
    stored = run.read(checkpoint)

    from alexnet_lightning.cli.experiment import ExperimentCLI
    from alexnet_lightning.data.identity import DataIdentity
    from alexnet_lightning.training.checkpoints import load_weights
    from alexnet_lightning.training.summary import test_figures

    cli = ExperimentCLI(["--config", str(run.config), *flags], trained=True)
    if split == "val" and not cli.datamodule.has_validation:
        raise UserError("split is val, but data.val_images is 0: give test")
    cli.trained_on = DataIdentity.of_checkpoint(stored)
    trainer = cli.bare_trainer(run.path)
    load_weights(cli.model, stored, f"--checkpoint: {checkpoint}")
    judge = trainer.test if split == "test" else trainer.validate
    judge(cli.model, datamodule=cli.datamodule, verbose=False)
    figures = test_figures(trainer)
    if f"{split}/loss" not in figures:
        raise UserError(f"trainer.limit_{split}_batches is 0: nothing is evaluated; leave it out")
    if not (cli.config.allow_divergence or math.isfinite(figures[f"{split}/loss"])):
        raise UserError(
            f"--checkpoint: {checkpoint} gives a loss of {figures[f'{split}/loss']}: its training "
            "has diverged; give another, or --allow_divergence true"
        )
    if output is not None:
        with replacing(Path(output)) as part:
            part.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    return figures


def main(args: Sequence[str]) -> None:
    """Run the command line: print the figures as a table."""
    options = arguments("evaluate", args, evaluate, examples=EXAMPLES)
    figures = evaluate(**options)

    from alexnet_lightning.training.rank_zero import say
    from alexnet_lightning.training.run_folder import RunFolder
    from alexnet_lightning.training.summary import split_table

    run = RunFolder.find(options["run_dir"])
    path, epoch = (
        run.checkpoint(options["checkpoint"]),
        run.read(options["checkpoint"])["epoch"] + 1,
    )
    lines = ["", *split_table(figures), "", f"checkpoint  {path} (epoch {epoch})"]
    if not run.summary.is_file():
        told = f"this run has not finished: these are figures of its epoch {epoch}"
        lines.append(f"{told}; to finish it: fit --resume {run.path}")
    say("\n".join(lines))


if __name__ == "__main__":
    run_command(main)
