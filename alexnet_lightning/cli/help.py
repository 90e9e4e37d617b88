"""The page that --help shows: what there is to choose from, and the flags that matter."""

import ast
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import alexnet_lightning
from alexnet_lightning import DATA_SETS, VARIANTS
from alexnet_lightning.system.errors import UserError

if TYPE_CHECKING:
    from lightning.pytorch.cli import LightningArgumentParser

PAGE = """\
usage: python -m alexnet_lightning.fit --config FILE [--config FILE ...] [--KEY VALUE ...]
       python -m alexnet_lightning.fit --resume RUN_DIR [--KEY VALUE ...]

Train one experiment, test its best checkpoint and keep everything in runs/NAME/DATE/; or resume an
interrupted run (RUN_DIR: its folder, its config's name, or latest) with exactly the same result.

examples:
  python -m alexnet_lightning.fit --config configs/digits_bn.yaml
  python -m alexnet_lightning.fit --config configs/cifar_bn.yaml --model.optimizer.lr 0.02
  python -m alexnet_lightning.fit --config configs/cifar_bn.yaml --config configs/overlays/cpu.yaml
  python -m alexnet_lightning.fit --config configs/cifar_skip.yaml \\
      --config configs/sizes/cifar_small.yaml
  python -m alexnet_lightning.fit --model AlexNetBN --model.stem small --model.optimizer SGD \\
      --model.optimizer.lr 0.01 --data CIFAR10DataModule

models (--model NAME, or model.class_path in a YAML file):
{models}

data sets (--data NAME, or data.class_path):
{data}

most used (a later file or flag wins over an earlier one):
  --config FILE                 a YAML file; give it more than once to lay one over another
  --model.optimizer NAME        any torch optimizer, or MuonSGD; --model.optimizer.lr 0.02 sets its
                                arguments
  --model.lr_scheduler NAME     Plateau, OneCycleLR, StepLR or any other of torch
  --data.batch_size N           images per process and step
  --data.root DIR               where the data sets are (default: data)
  --trainer.max_epochs N        passes over the training images
  --trainer.accelerator NAME    cpu, gpu, or auto (default); --trainer.devices N for several
  --trainer.precision NAME      32-true (default), bf16-mixed, 16-mixed
  --tf32 true                   allow TensorFloat-32 matrix products on GPUs: faster, with a 10-bit
                                mantissa (default: false)
  --trainer.fast_dev_run true   one batch of everything, to see whether it runs
  --trainer.callbacks+ NAME     add a callback: EarlyStopping --trainer.callbacks.monitor val/loss
  --trainer.logger NAME         another Lightning logger in place of W&B; false for none
  --recovery.every_n_steps N    steps between two checkpoints that --resume starts from; or
                                --recovery.every_n_minutes N (default: 10)
  --checkpoint.monitor FIGURE   figure that chooses the best checkpoint (default: val/top1)
  --embedding_pca.every_n_epochs N   epochs between two embedding plots; 0: only at the end
  --seed_everything N           random seed for initialization, data order, augmentation and
                                dropout (default: 0)
  --test false                  skip the test of the best checkpoint (default: true)
  --name NAME, --runs_dir DIR   the run goes to RUNS_DIR/NAME/DATE (default: runs/CONFIG/DATE)
  --print_config                show the whole configuration and stop

more:
  --help=NAME                   all arguments of a model or data set, as in --help=AlexNetBN
  --help=all                    every flag there is
  python -m alexnet_lightning.check_data --help   look at the images before training
  python -m alexnet_lightning.diagnose --help     check the initialization before training
  python -m alexnet_lightning.evaluate --help     test a finished run again
"""


def show_page(args: Sequence[str]) -> bool:
    """Print the page if -h or --help asks for it, without importing what it lists."""
    if not {"-h", "--help"} & set(args):
        return False
    print(PAGE.format(models=listing(VARIANTS), data=listing(DATA_SETS)))
    return True


def show_help(parser: "LightningArgumentParser", args: Sequence[str]) -> None:
    """Print what --help=all or --help=NAME asks for, and exit."""
    if show_page(args):
        sys.exit()
    asked = [arg for arg in args if arg.startswith("--help=")]
    if not asked:
        return
    topic = asked[0].partition("=")[2]
    if topic == "all":
        parser.print_help()
    elif topic in VARIANTS or topic in DATA_SETS:
        kind = "model" if topic in VARIANTS else "data"
        parser.parse_args([f"--{kind}.help={topic}"])
    else:
        raise UserError(f"--help={topic}: no such model or data set; see --help for their names")
    sys.exit()


def listing(names: Mapping[str, str]) -> str:
    """Return a line for each class: its name, and the first line of its docstring."""
    return "\n".join(f"  {name:<24}{purpose(name, names[name])}" for name in sorted(names))


def purpose(name: str, module: str) -> str:
    """Return the first line of a class's docstring, read from the source of its module."""
    path = Path(alexnet_lightning.__file__).parents[1] / f"{module.replace('.', '/')}.py"
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return (ast.get_docstring(node) or "").partition("\n")[0]
    raise AssertionError(f"{path} has no class {name}")
