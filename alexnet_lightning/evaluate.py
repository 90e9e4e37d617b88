"""Test a finished run again: python -m alexnet_lightning.evaluate runs/NAME/DATE."""

from collections.abc import Sequence
from pathlib import Path

from alexnet_lightning.cli.command import CommandParser, run_command
from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.run_folder import RunFolder
from alexnet_lightning.training.summary import split_table, test_figures


def evaluate(args: Sequence[str]) -> None:
    """Print the figures of a checkpoint on a split: the same, to the bit, as the fit's.

    Raises:
        UserError: no such run or checkpoint, one that does not fit the run's configuration, or
            views of the validation split, which fit shows one of.
    """
    parser = CommandParser(
        prog="python -m alexnet_lightning.evaluate",
        description=__doc__,
        epilog="Other flags are those of fit and change the run's configuration, "
        "as in --data.batch_size 500 or --trainer.accelerator cpu.",
    )
    parser.add_argument("run_dir", type=Path, help="run folder, as fit prints it")
    parser.add_argument("--checkpoint", default="best", help="best (default), last or a path")
    parser.add_argument("--split", choices=("val", "test"), default="test")
    options, overrides = parser.parse_known_args(args)
    if options.split == "val" and any(flag.startswith("--data.views") for flag in overrides):
        raise UserError("--data.views: validation shows each image once; give --split test")
    run = RunFolder.find(options.run_dir)
    weights = run.weights(options.checkpoint)

    cli = ExperimentCLI(["--config", str(run.config), *overrides], trained=True)
    try:
        cli.model.load_state_dict(weights)
    except RuntimeError as error:
        reason = one_line(error)
        raise UserError(
            f"--checkpoint: {options.checkpoint} does not fit the model: {reason}"
        ) from None
    trainer = cli.build_trainer(run.path, [], looking_on=False)
    judge = trainer.test if options.split == "test" else trainer.validate
    judge(cli.model, datamodule=cli.datamodule, verbose=False)
    if trainer.is_global_zero:
        print("\n".join(["", *split_table(test_figures(trainer)), ""]))
        print(f"checkpoint  {run.checkpoint(options.checkpoint)}")


if __name__ == "__main__":
    run_command(evaluate)
