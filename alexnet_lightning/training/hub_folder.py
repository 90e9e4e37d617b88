"""A trained network in the form of the Hugging Face hub: one folder, read without running code.

model.safetensors  the weights
config.json        class of the variant, its arguments, preprocessing and class names
README.md          the model card
training.yaml      the run's config.yaml; summary.json and figures/ are as in the run
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line
from alexnet_lightning.training.run_folder import RunFolder, in_new_words, variant_of

if TYPE_CHECKING:
    from torch import Tensor

    from alexnet_lightning.training.classifier import ImageClassifier

    Kind = TypeVar("Kind", bound=ImageClassifier)

MEAN = "preprocessing.mean"  # a mean image is kept among the weights, since it is as large


def write_network(folder: Path, checkpoint: dict[str, Any]) -> None:
    """Write weights and config.json of a checkpoint's content into a folder."""
    from safetensors.torch import save_file
    from torch import Tensor

    preprocessing = dict(checkpoint["preprocessing"])
    # The memory layout that every reader expects.
    weights = {name: weight.contiguous() for name, weight in checkpoint["state_dict"].items()}
    if isinstance(preprocessing["mean"], Tensor):
        weights[MEAN] = preprocessing.pop("mean").contiguous()
    names = preprocessing.pop("class_names")
    config = {  # the first four are named as timm's
        "architecture": variant_of(checkpoint),
        "num_classes": len(names),
        "label_names": names,
        "model_args": dict(checkpoint["hyper_parameters"]),
        "preprocessing": preprocessing,
        "data": checkpoint.get("data"),
        "epoch": checkpoint.get("epoch", 0),
    }
    save_file(weights, folder / RunFolder.WEIGHTS, metadata={"format": "pt"})
    text = json.dumps(config, indent=2, ensure_ascii=False)
    (folder / RunFolder.NETWORK).write_text(text + "\n", encoding="utf-8")


def read_network(weights: Path) -> dict[str, Any]:
    """Return what a checkpoint file would hold, of a model.safetensors with its config.json.

    UserError if a package is missing; a damaged file can raise anything.
    """
    try:
        from safetensors.torch import load_file
    except ModuleNotFoundError:
        raise UserError(
            f"{weights}: needs safetensors: pip install 'alexnet-lightning[hub]'"
        ) from None
    config = json.loads((weights.parent / RunFolder.NETWORK).read_text(encoding="utf-8"))
    state: dict[str, Tensor] = load_file(weights)
    mean = {"mean": state.pop(MEAN)} if MEAN in state else {}
    return {
        "variant": config["architecture"],
        "hyper_parameters": config["model_args"],
        "preprocessing": config["preprocessing"] | {"class_names": config["label_names"]} | mean,
        "epoch": config["epoch"],
        "state_dict": state,
        **({"data": config["data"]} if config["data"] else {}),
    }


def from_folder(kind: "type[Kind]", folder: str | Path) -> "Kind":
    """Return the trained network of a folder, for evaluation; see `ImageClassifier.from_folder`."""
    run = RunFolder.find(folder)
    checkpoint = run.read("best")
    name = variant_of(checkpoint)
    if name != kind.__name__:
        raise UserError(f"{folder} holds {name}, not {kind.__name__}: use {name}.from_folder")
    return rebuilt_as(kind, checkpoint).eval()


def rebuilt_as(kind: "type[Kind]", checkpoint: dict[str, Any]) -> "Kind":
    """Return a variant with the arguments and weights of a checkpoint; UserError if unfit."""
    # `weights` would be loaded only to be replaced; compiling takes longer than most predictions.
    stored = checkpoint["hyper_parameters"]
    arguments = {in_new_words(key): value for key, value in stored.items()} | {"compile": False}
    if "weights" in arguments:
        arguments["weights"] = None
    try:
        model = kind(**arguments)
        model.load_state_dict(checkpoint["state_dict"])
    except (RuntimeError, TypeError, ValueError) as error:  # of another version
        reason = one_line(error)
        raise UserError(f"the checkpoint does not fit {kind.__name__}: {reason}") from error
    return model
