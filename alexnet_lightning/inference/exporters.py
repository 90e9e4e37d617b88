"""A trained network as a file for other programs, checked before it gets its final name."""

import json
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet_lightning.data.batches import seeded
from alexnet_lightning.inference.choices import Format
from alexnet_lightning.inference.predictor import Predictor, Preprocessing, rebuilt
from alexnet_lightning.models import AlexNetOWT
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.classifier import ImageClassifier
from alexnet_lightning.training.run_folder import RunFolder

PACKAGES = {
    "onnx": ("onnxscript", "onnxruntime"),
    "safetensors": ("safetensors.torch",),
    "hub": ("safetensors.torch", "huggingface_hub"),
}
TORCHVISIONS = {"stem": "imagenet", "width": 1.0, "in_channels": 3}  # arguments of its alexnet
CHECKED = 32  # images
TOLERANCE = 1e-4  # of the largest logit, or of 1 if that is less
Logits = Callable[[Tensor], Tensor]


class Checked(NamedTuple):
    """The largest difference of a file's logits from the network's, and the largest logit."""

    difference: float
    largest: float


def check(kind: Format, predictor: Predictor) -> None:
    """Raise a UserError if a package is missing, or torchvision's alexnet is another network."""
    for name in PACKAGES.get(kind, ()):
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            extra = "hub" if kind == "hub" else "use"
            raise UserError(
                f"--format {kind}: needs {error.name}: pip install 'alexnet-lightning[{extra}]'"
            ) from None
    model = predictor.model
    ours = {name: model.hparams.get(name) for name in TORCHVISIONS}
    if kind == "torchvision" and not (isinstance(model, AlexNetOWT) and ours == TORCHVISIONS):
        shown = ", ".join(f"{name} {value}" for name, value in ours.items() if value)
        raise UserError(
            "--format torchvision: its alexnet is AlexNetOWT with stem imagenet, width 1.0, "
            f"in_channels 3, and this is {type(model).__name__} with {shown}; give safetensors"
        )


def sample(predictor: Predictor, run: RunFolder, files: Sequence[str | Path]) -> tuple[Tensor, str]:
    """Return decoded images to check with, uint8 (N, C, size, size), and what they are.

    The files, if there are any; else test images of the run's data set; else, without it, noise.
    """
    kept = predictor.preprocessing
    if files:
        images = torch.stack([kept.decode(Path(path)) for path in files])
        return images, f"{len(files)} of your images"
    from alexnet_lightning.cli.experiment import ExperimentCLI

    try:
        # Without a download, which takes longer than the export.
        test = ExperimentCLI(["--config", str(run.config)]).datamodule.load()["test"]
    except UserError as error:
        shape = (CHECKED, kept.channels, kept.size, kept.size)
        noise = torch.randint(256, shape, generator=seeded("cpu", 0)).byte()
        return noise, f"{CHECKED} images of noise, since there are no others ({error})"
    chosen = torch.randperm(len(test), generator=seeded("cpu", 0))[:CHECKED]
    return test[chosen][0], f"{len(chosen)} test images"


def write_checked(
    kind: Format, predictor: Predictor, preprocessing: bool, path: Path, images: Tensor
) -> Checked:
    """Write a file and its description beside it, and compare it with the network on the CPU.

    `images`, uint8 (N, C, size, size), N >= 1, are to check it with. UserError, and no file, if the
    network cannot be exported or the file computes something else.
    """
    with replacing(beside(path)) as description, replacing(path) as part:
        description.write_text(
            json.dumps(describe(kind, predictor, preprocessing), indent=1), encoding="utf-8"
        )
        write(kind, predictor, preprocessing, part)
        inputs = predictor.inputs(images)[:, 0]
        given = images if preprocessing else inputs.contiguous()
        found = read(kind, part, description, type(predictor.model))
        return compared(found, given, predictor.model, inputs)


@torch.inference_mode()
def compared(found: Logits, given: Tensor, expected: Logits, inputs: Tensor) -> Checked:
    """Compare the logits of one image and of all images; UserError if they differ too much."""
    true = expected(inputs)
    both = torch.cat([found(given[:1]) - true[:1], found(given) - true])
    result = Checked(both.abs().max().item(), true.abs().max().item())
    if not result.difference <= TOLERANCE * max(1.0, result.largest):
        raise UserError(
            f"not exported: the file's logits differ by {result.difference:.2g} from the "
            f"network's, which go up to {result.largest:.2g}; give another --format"
        )
    return result


def write(kind: Format, predictor: Predictor, preprocessing: bool, path: Path) -> None:
    """Write a network, for batches of any size; UserError if the format cannot express it."""
    model = predictor.model
    if kind == "safetensors":
        from safetensors.torch import save_file

        save_file(contiguous(model.state_dict()), path)
    elif kind == "torchvision":
        torch.save(contiguous(model.network.state_dict()), path)
    else:
        module = Portable(predictor, preprocessing).eval()
        # Two images, because the tracer would take a batch size of one for fixed.
        images = (blank(predictor, preprocessing, 2),)
        dynamic = ({0: torch.export.Dim.DYNAMIC},)
        names: Any = {"input_names": ["images"], "output_names": ["logits"]}
        try:
            with torch.no_grad():
                program = torch.export.export(module, images, dynamic_shapes=dynamic)
                if kind == "pt2":
                    torch.export.save(program, path)
                else:
                    torch.onnx.export(
                        program, (), path, **names, external_data=False, verbose=False
                    )
        except Exception as error:  # a tracer can raise anything
            reason = str(error.__cause__ or error).strip().partition("\n")[0]
            raise UserError(
                f"--format {kind}: {type(model).__name__} cannot be exported: {reason}"
            ) from error


def contiguous(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return weights in the memory layout that every reader expects."""
    return {name: weight.contiguous() for name, weight in state.items()}


def read(kind: Format, path: Path, description: Path, variant: type[ImageClassifier]) -> Logits:
    """Return the function of a file and its description, from inputs to logits (N, K)."""
    match kind:
        case "onnx":
            from onnxruntime import InferenceSession

            session = InferenceSession(path, providers=["CPUExecutionProvider"])
            return lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0])
        case "pt2":
            module: Logits = torch.export.load(path).module()
            return module
        case "safetensors":
            return rebuilt(read_safetensors(path, description), variant).eval()
        case _:  # torchvision; a folder for the hub is read by training.hub_folder
            from torchvision.models import alexnet

            weights = torch.load(path, weights_only=True)
            theirs: nn.Module = alexnet(num_classes=len(weights["classifier.6.bias"]))
            theirs.load_state_dict(weights)
            return theirs.eval()


def read_safetensors(path: Path, description: Path | None = None) -> dict[str, Any]:
    """Return the checkpoint, for `Predictor`, of a .safetensors file and the .json beside it."""
    from safetensors.torch import load_file

    checkpoint: dict[str, Any] = json.loads(
        (description or beside(path)).read_text(encoding="utf-8")
    )
    checkpoint["state_dict"] = load_file(path)
    kept = checkpoint["preprocessing"]
    if isinstance(kept["mean"][0], list):
        kept["mean"] = torch.tensor(kept["mean"])
    return checkpoint


def describe(kind: Format, predictor: Predictor, preprocessing: bool) -> dict[str, Any]:
    """Return input, output and the content of the checkpoint except weights, as plain values."""
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


def beside(path: Path) -> Path:
    """Return the path of the description of an exported file."""
    return path.with_name(f"{path.name}.json")


def blank(predictor: Predictor, preprocessing: bool, count: int) -> Tensor:
    """Return black images as an exported network takes them."""
    kept = predictor.preprocessing
    side, dtype = (kept.size, torch.uint8) if preprocessing else (kept.crop, torch.float32)
    return torch.zeros(count, kept.channels, side, side, dtype=dtype)


class Portable(nn.Module):
    """Images to logits (N, K), on the CPU, by a copy of a network.

    With `preprocessing`, it takes decoded images, uint8 (N, C, size, size), and crops their center
    view; else it takes the network's input, float32 (N, C, crop, crop).
    """

    def __init__(self, predictor: Predictor, preprocessing: bool) -> None:
        super().__init__()
        self.prepare = CentreView(predictor.preprocessing) if preprocessing else nn.Identity()
        network = deepcopy(predictor.model.network).cpu().eval()
        # Runtimes choose their own memory layout, and torch.export does not keep channels_last.
        self.network = network.to(memory_format=torch.contiguous_format)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(self.prepare(images))
        return logits


class CentreView(nn.Module):
    """The center view of `Preprocessing.views`: uint8 (N, C, size, size) to (N, C, crop, crop)."""

    scale: Tensor
    shift: Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        start = round((preprocessing.resize - preprocessing.crop) / 2)
        self.window = slice(start, start + preprocessing.crop)
        self.resize: nn.Module | None = None
        if preprocessing.resize != preprocessing.size:
            self.resize = CropAndResize(preprocessing.size, preprocessing.resize, self.window)
        std, mean = torch.tensor(preprocessing.std)[:, None, None], preprocessing.mean
        if not isinstance(mean, Tensor):
            mean = torch.tensor(mean)[:, None, None]
        self.register_buffer("scale", preprocessing.pixel_max / (255 * std))
        self.register_buffer("shift", -mean / std * preprocessing.pixel_max)

    def forward(self, images: Tensor) -> Tensor:
        return self.normalised(self.crops(images))

    def crops(self, images: Tensor) -> Tensor:
        """Return the center view without normalization, 0-255, (N, C, crop, crop)."""
        window = self.window
        crops = self.resize(images) if self.resize else images[..., window, window]
        return crops.float()

    def normalised(self, crops: Tensor) -> Tensor:
        return crops * self.scale + self.shift


class CropAndResize(nn.Module):
    """A window of images resized from one side to another, as torch's CPU does to the bit.

    y = round(A · round(x · Aᵀ)), with A in torch's fixed point, the largest weight in 15 bits.
    Interpolation in floating point would not round the rows, which changes a fifth of all pixels
    by one, and runtimes differ in it.

    Source: `_compute_index_ranges_int16_weights` in torch's aten/native/cpu/UpSampleKernel.cpp,
    after Pillow.
    """

    weights: Tensor

    def __init__(self, size: int, resize: int, window: slice) -> None:
        super().__init__()
        one_by_one = torch.eye(size, dtype=torch.float64)[None, None]
        fractions = F.interpolate(one_by_one, (resize, size), mode="bilinear", antialias=True)[0, 0]
        bits = next(bits for bits in range(22, 0, -1) if fractions.max() * 2**bits + 0.5 < 2**15)
        whole = (fractions[window] * 2**bits + 0.5).floor()
        # Sums of whole numbers below 2²⁴ are exact in float32, in any order.
        self.register_buffer("weights", (whole / 2**bits).float())

    def forward(self, images: Tensor) -> Tensor:
        # Round half up, as torch does here; `torch.round` rounds half to even.
        rows = (images.float() @ self.weights.T + 0.5).floor()
        return (self.weights @ rows + 0.5).floor()
