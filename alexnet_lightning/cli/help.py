"""The page that --help shows: what there is to choose from, and the flags that matter."""

import sys
from collections.abc import Sequence

from lightning.pytorch.cli import LightningArgumentParser

from alexnet_lightning.data.base import ImageDataModule
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.classifier import ImageClassifier

PAGE = """\
usage: python -m alexnet_lightning.fit --config FILE [--config FILE ...] [--KEY VALUE ...]
       python -m alexnet_lightning.fit --resume RUN_DIR [--KEY VALUE ...]

Train one experiment, test its best checkpoint, keep everything in runs/NAME/DATE/; or go on with a
run that was broken off, from its last checkpoint, as if nothing had happened.

examples:
  python -m alexnet_lightning.fit --config configs/digits_bn.yaml
  python -m alexnet_lightning.fit --config configs/cifar_bn.yaml --model.optimizer.lr 0.02
  python -m alexnet_lightning.fit --config configs/cifar_bn.yaml --config configs/overlays/cpu.yaml
  python -m alexnet_lightning.fit --model AlexNet --model.optimizer SGD --data CIFAR10DataModule

models (--model NAME, or model.class_path in a YAML file):
{models}

data sets (--data NAME, or data.class_path):
{data}

most used (a later file or flag wins over an earlier one):
  --config FILE                 a YAML file; give it more than once to lay one over another
  --model.optimizer NAME        any torch optimiser, or MuonSGD; --model.optimizer.lr 0.02 sets its
                                arguments
  --model.lr_scheduler NAME     Plateau, OneCycleLR, StepLR or any other of torch
  --data.batch_size N           images a process and step
  --data.root DIR               where the data sets are (default: data)
  --trainer.max_epochs N        passes over the training images
  --trainer.accelerator NAME    cpu, gpu, or auto (default); --trainer.devices N for several
  --trainer.precision NAME      32-true (default), bf16-mixed, 16-mixed
  --tf32 true                   let GPUs round float32 factors to 10 bits: faster, less exact
  --trainer.fast_dev_run true   one batch of everything, to see whether it runs
  --trainer.callbacks+ NAME     one more: EarlyStopping --trainer.callbacks.monitor val/loss
  --trainer.logger NAME         another Lightning logger in place of W&B; false for none
  --recovery.every_n_steps N    keep all that --resume needs so often within an epoch; or
                                --recovery.every_n_minutes N (default: 10)
  --checkpoint.monitor FIGURE   what the best checkpoint is best in (default: val/top1)
  --embedding_pca.every_n_epochs N   how often embeddings are drawn; 0: only at the end
  --seed_everything N           seed of the weights and of dropout (default: 0)
  --test false                  do not test the best checkpoint
  --name NAME, --runs_dir DIR   the run goes to RUNS_DIR/NAME/DATE (default: runs/CONFIG/DATE)
  --print_config                show the whole configuration and stop

more:
  --help=NAME                   all arguments of a model or data set, as in --help=AlexNetBN
  --help=all                    every flag there is
  python -m alexnet_lightning.check_data --help   a look at the images before training
  python -m alexnet_lightning.diagnose --help     and at what of them reaches each layer
  python -m alexnet_lightning.evaluate --help     test a finished run again
"""


def show_help(parser: LightningArgumentParser, args: Sequence[str]) -> None:
    """Print the page that -h, --help, --help=all or --help=NAME asks for, and exit."""
    asked = [arg for arg in args if arg in ("-h", "--help") or arg.startswith("--help=")]
    if not asked:
        return
    _, _, topic = asked[0].partition("=")
    if topic == "all":
        parser.print_help()
    elif kind := kind_of(topic):
        parser.parse_args([f"--{kind}.help={topic}"])
    elif topic:
        raise UserError(f"--help={topic}: no such model or data set; see --help for their names")
    else:
        print(help_page())
    sys.exit()


def help_page() -> str:
    """Return the page, with the models and data sets that can be found by a short name."""
    return PAGE.format(models=listing(ImageClassifier), data=listing(ImageDataModule))


def listing(base: type) -> str:
    """Return a line for each final subclass of `base`: its name, its docstring's first line."""
    classes = sorted(final(base), key=lambda known: known.__name__)
    return "\n".join(
        f"  {known.__name__:<24}{(known.__doc__ or '').strip().splitlines()[0]}"
        for known in classes
    )


def kind_of(name: str) -> str | None:
    """Return "model" or "data" for the short name of a known class, else None."""
    for kind, base in (("model", ImageClassifier), ("data", ImageDataModule)):
        if name in {known.__name__ for known in final(base)}:
            return kind
    return None


def final(base: type) -> list[type]:
    """Return the subclasses of `base` that have none themselves; the others are abstract."""
    children: list[type] = base.__subclasses__()
    return [leaf for child in children for leaf in final(child) or [child]]
