"""The file formats that a network is written in, and read from again."""

import json
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from alexnet_lightning.inference.portable import Portable
from alexnet_lightning.inference.predictor import Predictor, rebuilt
from alexnet_lightning.models import AlexNetOWT
from alexnet_lightning.system.errors import UserError

Format = Literal["onnx", "pt2", "safetensors", "torchvision"]
# What torch's own and other programs know a format by.
SUFFIX: dict[Format, str] = {
    "onnx": ".onnx",
    "pt2": ".pt2",
    "safetensors": ".safetensors",
    "torchvision": ".pth",
}
PACKAGES: dict[Format, tuple[str, ...]] = {
    "onnx": ("onnxscript", "onnxruntime"),
    "safetensors": ("safetensors.torch",),
}
GRAPHS = ("onnx", "pt2")  # they hold what is computed, the others the weights alone
Logits = Callable[[Tensor], Tensor]


def write(kind: Format, predictor: Predictor, preprocessing: bool, path: Path) -> None:
    """Write a network, for batches of any size.

    Args:
        preprocessing: whether it starts from decoded pictures, see `Portable`; of graphs only.

    Raises:
        UserError: the network cannot be written so.
    """
    model = predictor.model
    match kind:
        case "safetensors":
            from safetensors.torch import save_file

            save_file(contiguous(model.state_dict()), path)
        case "torchvision":
            torch.save(contiguous(model.network.state_dict()), path)
        case "onnx" | "pt2":
            module = Portable(predictor, preprocessing).eval()
            trace = write_onnx if kind == "onnx" else write_pt2
            try:
                with torch.no_grad():
                    # Two images, since the size of a batch of one would be taken for fixed.
                    trace(module, blank(predictor, preprocessing, 2), path)
            except Exception as error:  # whatever a tracer meets
                reason = str(error.__cause__ or error).strip().partition("\n")[0]
                raise UserError(
                    f"--format {kind}: {type(model).__name__} cannot be exported: {reason}"
                ) from error


def write_onnx(module: Portable, images: Tensor, path: Path) -> None:
    """Write as ONNX, the input called "images", the output "logits"."""
    torch.onnx.export(
        module,
        (images,),
        path,
        input_names=["images"],
        output_names=["logits"],
        dynamic_shapes=({0: torch.export.Dim.DYNAMIC},),
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def write_pt2(module: Portable, images: Tensor, path: Path) -> None:
    """Write as a program of torch.export."""
    dynamic = ({0: torch.export.Dim.DYNAMIC},)
    torch.export.save(torch.export.export(module, (images,), dynamic_shapes=dynamic), path)


def read(kind: Format, path: Path, description: Path) -> Logits:
    """Return what a file computes, from images as it wants them to logits (N, K).

    Args:
        description: the file that `describe` made.
    """
    match kind:
        case "onnx":
            from onnxruntime import InferenceSession

            session = InferenceSession(path, providers=["CPUExecutionProvider"])
            return lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0])
        case "pt2":
            module: Logits = torch.export.load(path).module()
            return module
        case "safetensors":
            return rebuilt(read_safetensors(path, description)).eval()
        case "torchvision":
            from torchvision.models import alexnet

            weights = torch.load(path, weights_only=True)
            theirs: torch.nn.Module = alexnet(num_classes=len(weights["classifier.6.bias"]))
            theirs.load_state_dict(weights)
            return theirs.eval()


def describe(kind: Format, predictor: Predictor, preprocessing: bool) -> dict[str, Any]:
    """Return in plain values what comes in and out, and all that a checkpoint says but weights."""
    kept = asdict(predictor.preprocessing)
    if isinstance(kept["mean"], Tensor):
        kept["mean"] = kept["mean"].tolist()
    images = blank(predictor, preprocessing, 1)
    dtype = str(images.dtype).removeprefix("torch.")
    classes = len(predictor.class_names)
    return {
        "format": kind,
        "input": {"name": "images", "dtype": dtype, "shape": ["N", *images.shape[1:]]},
        "output": {"name": "logits", "dtype": "float32", "shape": ["N", classes]},
        "variant": type(predictor.model).__name__,
        "hyper_parameters": dict(predictor.model.hparams),
        "preprocessing": kept,
    }


def read_safetensors(path: Path, description: Path | None = None) -> dict[str, Any]:
    """Return a checkpoint, which `Predictor` takes, of a .safetensors file and its .json.

    Args:
        description: the latter; by default it lies beside the former.
    """
    from safetensors.torch import load_file

    checkpoint: dict[str, Any] = json.loads((description or beside(path)).read_text())
    checkpoint["state_dict"] = load_file(path)
    kept = checkpoint["preprocessing"]
    if isinstance(kept["mean"][0], list):
        kept["mean"] = torch.tensor(kept["mean"])
    return checkpoint


def beside(path: Path) -> Path:
    """Return where the description of an exported file is."""
    return path.with_name(f"{path.name}.json")


def blank(predictor: Predictor, preprocessing: bool, count: int) -> Tensor:
    """Return black images as an exported network takes them."""
    kept = predictor.preprocessing
    if preprocessing:
        return torch.zeros(count, kept.channels, kept.size, kept.size, dtype=torch.uint8)
    return torch.zeros(count, kept.channels, kept.crop, kept.crop)


def contiguous(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights in the order of axes that every reader expects."""
    return {name: weight.contiguous() for name, weight in state.items()}


def check(kind: Format, predictor: Predictor) -> None:
    """Raise a UserError if a package is missing, or torchvision's alexnet is another network."""
    for name in PACKAGES.get(kind, ()):
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            raise UserError(
                f"--format {kind}: needs {error.name}: pip install alexnet-lightning[use]"
            ) from None
    model = predictor.model
    theirs = {"stem": "imagenet", "width": 1.0, "in_channels": 3}
    ours = {name: model.hparams.get(name) for name in theirs}
    if kind == "torchvision" and not (isinstance(model, AlexNetOWT) and ours == theirs):
        shown = ", ".join(f"{name} {value}" for name, value in ours.items() if value)
        raise UserError(
            "--format torchvision: its alexnet is AlexNetOWT with stem imagenet, width 1.0, "
            f"in_channels 3, and this is {type(model).__name__} with {shown}; give safetensors"
        )
