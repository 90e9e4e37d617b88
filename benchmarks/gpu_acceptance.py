"""One command that checks this project on a GPU, then measures how fast it is there.

    python benchmarks/gpu_acceptance.py --data data --minutes 8 --out acceptance.json
    python benchmarks/gpu_acceptance.py --rehearse  # the same script on the CPU, with tiny sizes

Every check compares the GPU with the CPU of the same machine. A part that cannot run here is
skipped, with the reason; one that is wrong makes the exit status 1. The last line is JSON.
"""

# Needs Python 3.11 or later, torch, numpy, lightning and torchmetrics, and this repository, which
# it finds by its own path: no package has to be installed. Where an image lacks torchvision, carry
# its wheel; without it the parts that need it are skipped.

import argparse
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from lightning.pytorch import Callback, Trainer
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD

from alexnet_lightning.callbacks.step_seed import StepSeed
from alexnet_lightning.data.base import ImageDataModule, Split
from alexnet_lightning.data.batches import Batches, Images, ImageTensors, Loader, held_out, seeded
from alexnet_lightning.data.sets.cifar import CIFAR10DataModule
from alexnet_lightning.data.transforms.colour import PCANoise
from alexnet_lightning.data.transforms.crops import PadCropAlternatingFlip, PadCropFlip
from alexnet_lightning.data.transforms.resizing import RandomResizedCropFlip, ResizeCropFlip
from alexnet_lightning.models.create import create_model, list_models
from alexnet_lightning.networks.inspect import multiply_adds
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.checkpoints import AtomicCheckpointIO, BestCheckpoint
from alexnet_lightning.training.classifier import ImageClassifier
from alexnet_lightning.training.metrics_csv import MetricsCSV
from alexnet_lightning.training.optimization import build_optimizer
from alexnet_lightning.training.recovery import Recovery

sgd = partial(SGD, lr=0.01, momentum=0.9)


class SkippedError(Exception):
    """A part cannot run here."""


class WrongError(Exception):
    """The GPU does something else than the CPU."""


class Setting(NamedTuple):
    """Where and how large everything is."""

    device: torch.device
    tiny: bool
    data: Path | None


class Synthetic(ImageDataModule):
    """Noise around an image of each class: learned in a few steps, the same on every machine."""

    class_names = [str(label) for label in range(10)]  # noqa: RUF012  # as every data set here
    native_size = 32
    channel_mean = (0.5, 0.5, 0.5)
    channel_std = (0.25, 0.25, 0.25)
    default_transform = PadCropFlip()

    def load(self) -> dict[Split, Images]:
        generator = seeded("cpu", 5)
        labels = torch.randint(10, (640,), generator=generator)
        centres = torch.randint(256, (10, 3, 32, 32), generator=generator)
        noise = torch.randint(256, (640, 3, 32, 32), generator=generator)
        images = ((centres[labels] + noise) // 2).byte()
        rest, val = held_out(ImageTensors(images, labels), 128, 0)
        return {"train": rest, "val": val, "test": val}


def small_model(name: str = "AlexNetBN", **arguments: Any) -> ImageClassifier:
    """Return a variant for 32 px, initialized from one seed on the CPU."""
    torch.manual_seed(0)
    form = {"AlexNetBN": {"stem": "small", "width": 0.25}}.get(name, {})
    return create_model(name, 10, 32, **{**form, **arguments})


def require(close: bool, what: str) -> None:
    if not close:
        raise WrongError(what)


def relative(ours: Tensor, reference: Tensor) -> float:
    """Return the largest difference over the reference's largest value."""
    ours, reference = ours.detach().cpu().double(), reference.detach().double()
    return float((ours - reference).abs().max() / reference.abs().max())


def logits(setting: Setting) -> dict[str, float]:
    """Each variant's logits and gradients of the same weights and images, in float32."""
    found = {}
    names = ["AlexNetBN", "AlexNetModern"] if setting.tiny else list_models()
    for name in names:
        arguments: dict[str, Any] = {}
        if name == "TorchvisionClassifier":
            if find_spec("torchvision") is None:
                continue
            arguments = {"name": "resnet18", "small_stem": True}
        elif name.startswith("AlexNet") and name != "AlexNetModern":
            arguments = {"stem": "small", "width": 0.25}
        model = small_model(name, **arguments).eval()  # dropout differs between devices
        images = torch.randn(16, 3, 32, 32, generator=seeded("cpu", 1))
        expected = model(images)
        gradient = weight_gradient(model, expected)
        ours = model.to(setting.device)(images.to(setting.device))
        found[name] = max(
            relative(ours, expected), relative(weight_gradient(model, ours), gradient)
        )
        require(found[name] < 1e-3, f"{name}: logits or gradients differ by {found[name]:.1e}")
    return {"largest_difference": max(found.values()), "variants": len(found)}


def weight_gradient(model: nn.Module, output: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(output.square().mean(), next(model.parameters()))
    return gradient.cpu()


def augmentation(setting: Setting) -> dict[str, float]:
    """The same seed gives the same crops, flips and colors; resizing rounds alike within 1/255."""
    images = Synthetic().load()["train"][torch.arange(64)][0]
    labels = torch.zeros(64, dtype=torch.int64)
    worst = 0.0
    for transform in (
        PadCropFlip(),
        PadCropAlternatingFlip(),
        ResizeCropFlip(40, 32),
        RandomResizedCropFlip(28, resize=32),
    ):
        data = Synthetic(transform=transform, colour=PCANoise(), seed=3)
        data.setup()
        allowed = 4.1 / 255 if isinstance(transform, ResizeCropFlip) else 1e-5  # over the deviation
        for epoch in (0, 1):
            expected, _ = data.augment(images, labels, epoch, 2)
            there = images.to(setting.device), labels.to(setting.device)
            ours, _ = data.augment(*there, epoch, 2)
            difference = float((ours.cpu() - expected).abs().max())
            what = f"{type(transform).__name__}: pixels differ by {difference:.1e}"
            require(difference <= allowed, what)
            worst = max(worst, difference)
    return {"largest_difference": worst}


def steps(
    model: ImageClassifier, device: torch.device, count: int, dtype: Any = None
) -> list[float]:
    """Train on batches of `Synthetic`; return the losses."""
    data = Synthetic(seed=1)
    data.setup()
    model = model.to(device).train()
    optimizer = build_optimizer(sgd, model)
    scaler = torch.amp.GradScaler(device.type, enabled=dtype is torch.float16)
    losses = []
    for number in range(count):
        images, labels = data.splits["train"][torch.arange(64 * number, 64 * (number + 1)) % 512]
        pixels, labels = data.augment(images.to(device), labels.to(device), 0, number)
        with torch.autocast(device.type, dtype, enabled=dtype is not None):
            output = model(pixels)
        loss = F.cross_entropy(output.float(), labels)
        optimizer.zero_grad()
        scaler.scale(loss).backward()
        scaler.step(optimizer)
        scaler.update()
        losses.append(loss.detach())
    return torch.stack(losses).tolist()


def training(setting: Setting) -> dict[str, float]:
    """Five steps in float32 have the losses of the CPU's."""
    expected = steps(small_model(dropout=0.0), torch.device("cpu"), 5)
    ours = steps(small_model(dropout=0.0), setting.device, 5)
    difference = max(abs(a - b) / abs(b) for a, b in zip(ours, expected, strict=True))
    require(difference < 5e-3, f"losses differ: {ours}, on the CPU {expected}")
    require(expected[-1] < expected[0], f"the loss does not fall: {expected}")
    return {"largest_difference": difference, "last_loss": ours[-1]}


def mixed(setting: Setting, dtype: torch.dtype) -> dict[str, float]:
    """Under autocast the loss starts as in float32 and falls, with local response normalization."""
    if setting.device.type == "cpu" and dtype is torch.float16:
        raise SkippedError("float16 is for GPUs")
    on_gpu = setting.device.type == "cuda"
    if on_gpu and dtype is torch.bfloat16 and not torch.cuda.is_bf16_supported():
        raise SkippedError("this GPU has no bfloat16")
    count = 6 if setting.tiny else 30
    form: dict[str, Any] = {"stem": "small", "width": 0.25, "dropout": 0.0, "init": "he"}
    whole = steps(small_model("AlexNet", **form), setting.device, 1)
    half = steps(small_model("AlexNet", **form), setting.device, count, dtype)
    require(all(map(math.isfinite, half)), f"losses are not finite: {half}")
    require(abs(half[0] / whole[0] - 1) < 0.05, f"first loss {half[0]}, in float32 {whole[0]}")
    require(min(half) < half[0], f"the loss does not fall: {half}")
    return {"first_loss": half[0], "last_loss": half[-1]}


def compiled(setting: Setting) -> dict[str, float]:
    """A compiled network has the same logits, and compiles once for batches of one size."""
    backend = "inductor"
    if setting.device.type == "cuda" and find_spec("triton") is None:
        raise SkippedError("torch.compile needs triton")
    if setting.device.type == "cpu" and setting.tiny:
        backend = "eager"  # a rehearsal; a C++ compiler takes a minute
    found = {}
    for name in ("AlexNetBN", "AlexNet"):
        model = small_model(name, stem="small", width=0.25).eval().to(setting.device)
        images = torch.randn(16, 3, 32, 32, device=setting.device)
        expected = model(images).cpu()
        network = torch.compile(model.network, backend=backend, fullgraph=True)
        found[name] = relative(network(images), expected)
        require(found[name] < 1e-3, f"{name}: logits differ by {found[name]:.1e}")
    return {"largest_difference": max(found.values())}


class Kill(Callback):
    """Kill this process after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def run_training(folder: Path, device: str, kill_at: int | None) -> None:
    """Train two epochs in a folder, from its last checkpoint on if it has one."""
    torch.manual_seed(0)
    metrics = MetricsCSV(folder)
    checkpoints = folder / "checkpoints"
    best = BestCheckpoint(
        checkpoints, monitor="val/top1", mode="max", filename="best", save_on_train_epoch_end=True
    )
    recovery = Recovery(checkpoints, metrics, every_n_steps=1)
    last = checkpoints / "last.ckpt"
    Trainer(
        accelerator="gpu" if device == "cuda" else "cpu",
        devices=1,
        deterministic=True,
        max_epochs=2,
        default_root_dir=folder,
        logger=[metrics],
        plugins=[AtomicCheckpointIO()],
        callbacks=[StepSeed(0), *([Kill(kill_at)] if kill_at else []), best, recovery],
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    ).fit(
        small_model(optimizer=sgd, dropout=0.5),
        Synthetic(batch_size=64),
        ckpt_path=str(last) if last.exists() else None,
        weights_only=False,
    )


def resumed(setting: Setting) -> dict[str, float]:
    """A training that was killed within an epoch ends with the same weights, to the bit."""

    def child(folder: Path, *kill_at: str) -> int:
        command = [sys.executable, __file__, "--child", str(folder), setting.device.type, *kill_at]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        require(done.returncode in (0, -signal.SIGKILL), done.stderr[-2000:])
        return done.returncode

    with tempfile.TemporaryDirectory() as name:
        whole, broken = Path(name, "whole"), Path(name, "broken")
        child(whole)
        require(child(broken, "11") == -signal.SIGKILL, "the process was not killed")
        child(broken)
        ends = [
            torch.load(folder / "checkpoints" / "last.ckpt", map_location="cpu", weights_only=True)
            for folder in (whole, broken)
        ]
    weights, again = (end["state_dict"] for end in ends)
    different = [key for key in weights if not torch.equal(weights[key], again[key])]
    require(not different, f"after a kill other values of {', '.join(different[:5])}")
    return {"equal_tensors": len(weights)}


def synchronize(device: torch.device) -> None:
    if device.type != "cpu":
        torch.accelerator.synchronize()


def seconds(work: Callable[[], Any], device: torch.device, rounds: int) -> float:
    """Return the median time of a call, after two that warm up."""
    times = []
    for _ in range(rounds + 2):
        synchronize(device)
        started = time.perf_counter()
        work()
        synchronize(device)
        times.append(time.perf_counter() - started)
    return sorted(times[2:])[rounds // 2]


def rates(setting: Setting) -> dict[str, float]:
    """Operations per second of a large bfloat16 matrix product; bytes per second of a copy."""
    size, megabytes = (128, 1) if setting.tiny else (8192, 1024)
    left, right = (
        torch.randn(size, size, device=setting.device, dtype=torch.bfloat16) for _ in range(2)
    )
    source = torch.ones(megabytes * 2**20, dtype=torch.uint8, device=setting.device)
    target = torch.empty_like(source)
    rounds = 3 if setting.tiny else 20
    matrix = seconds(lambda: left @ right, setting.device, rounds)
    copy = seconds(lambda: target.copy_(source), setting.device, rounds)
    return {
        "bf16_tflops": 2 * size**3 / matrix / 1e12,
        "gigabytes_per_second": 2 * source.numel() / copy / 1e9,  # read and written
    }


def step_time(setting: Setting) -> dict[str, float]:
    """A training step of AlexNet in bfloat16 and channels last: time, images, fractions of peak."""
    size, batch = (32, 8) if setting.tiny else (224, 256)
    form: dict[str, Any] = {"stem": "small", "width": 0.1} if setting.tiny else {}
    model = create_model("AlexNetBN", 1000, size, **form).to(setting.device)
    macs = multiply_adds(model.network, 3, size)
    optimizer = build_optimizer(sgd, model)
    images = torch.randn(batch, 3, size, size, device=setting.device)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.arange(batch, device=setting.device) % 1000

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast(setting.device.type, torch.bfloat16):
            output = model(images)
        F.cross_entropy(output.float(), labels).backward()
        optimizer.step()

    took = seconds(step, setting.device, 3 if setting.tiny else 20)
    peak = rates(setting)
    # Forward, and twice as much backward; a multiply-add is two operations.
    operations = 3 * 2 * macs * batch
    # Weights, gradients and momentum, three read and two written; each map once written, once
    # read forward and once backward.
    weights = sum(parameter.numel() for parameter in model.parameters())
    traffic = 5 * 4 * weights + 3 * 2 * maps_of(model.network, images)
    return {
        "milliseconds": 1000 * took,
        "images_per_second": batch / took,
        "fraction_of_matrix_peak": operations / (peak["bf16_tflops"] * 1e12) / took,
        "fraction_of_bandwidth": traffic / (peak["gigabytes_per_second"] * 1e9) / took,
    }


@torch.no_grad()
def maps_of(network: nn.Module, images: Tensor) -> int:
    """Return how many values the layers put out for a batch."""
    counts: list[int] = []
    leaves = [layer for layer in network.modules() if not list(layer.children())]
    hooks = [
        leaf.register_forward_hook(lambda _, __, output: counts.append(output.numel()))
        for leaf in leaves
    ]
    network(images)
    for hook in hooks:
        hook.remove()
    return sum(counts)


def on_device(setting: Setting) -> dict[str, float]:
    """Batches cut out of images that live on the GPU are the CPU's, to the bit."""
    data = Synthetic()
    data.setup()
    images = data.splits["train"]
    assert isinstance(images, ImageTensors)
    batches = Batches(len(images), 64, shuffle=True)
    pairs = zip(Loader(images.to(setting.device), batches), Loader(images, batches), strict=True)
    for ours, expected in pairs:
        for there, here in zip(ours, expected, strict=True):
            require(there.device.type == setting.device.type, "a batch is not on the device")
            require(torch.equal(there.cpu(), here), "images or labels differ")
    return {"batches": len(batches)}


def input_path(setting: Setting) -> dict[str, float]:
    """Images per second from the data set to the network's input on the device."""
    data: ImageDataModule = Synthetic(batch_size=64, colour=PCANoise())
    if setting.data is not None:
        data = CIFAR10DataModule(root=str(setting.data), batch_size=512, colour=PCANoise())
    data.setup()
    loader = data.train_dataloader()

    def epoch() -> None:
        for number, (images, labels) in enumerate(loader):
            there = (part.to(setting.device, non_blocking=True) for part in (images, labels))
            data.augment(*there, 0, number)
            if setting.tiny and number == 5:
                break

    took = seconds(epoch, setting.device, 1)
    count = 6 * 64 if setting.tiny else len(data.splits["train"])
    return {"images_per_second": count / took, "synthetic": float(setting.data is None)}


PARTS: dict[str, Callable[[Setting], dict[str, float]]] = {
    "logits": logits,
    "images on the device": on_device,
    "augmentation": augmentation,
    "five steps": training,
    "bfloat16": partial(mixed, dtype=torch.bfloat16),
    "float16": partial(mixed, dtype=torch.float16),
    "compile": compiled,
    "resume after a kill": resumed,
    "rates": rates,
    "step": step_time,
    "input path": input_path,
}


def results(setting: Setting, deadline: float) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each part's name, how it ended ("ok", "skipped" or "WRONG") and what it found."""
    for name, part in PARTS.items():
        if time.monotonic() > deadline:
            yield name, "skipped", {"why": "no time left; give more --minutes"}
            continue
        started = time.monotonic()
        try:
            found: dict[str, Any] = part(setting)
            state = "ok"
        except SkippedError as why:
            state, found = "skipped", {"why": str(why)}
        except Exception as error:  # whatever is wrong with one part, the others run
            traceback.print_exc()  # on the error stream
            state, found = "WRONG", {"why": f"{type(error).__name__}: {error}"}
        yield name, state, found | {"seconds": round(time.monotonic() - started, 2)}


def options(args: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, help="folder of CIFAR-10; default: synthetic images")
    parser.add_argument("--minutes", type=float, default=8, help="limit of time (default: 8)")
    parser.add_argument("--out", type=Path, help="file for the JSON as well")
    parser.add_argument("--rehearse", action="store_true", help="on the CPU, with tiny sizes")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    return parser.parse_args(args)


def main(args: Sequence[str] | None = None) -> int:
    """Run all parts; return the exit status."""
    given = options(args)
    if given.child:
        folder, device, *kill_at = given.child
        run_training(Path(folder), device, int(kill_at[0]) if kill_at else None)
        return 0
    if not (given.rehearse or torch.cuda.is_available()):
        raise UserError("torch finds no GPU here; --rehearse runs this script on the CPU")
    torch.set_float32_matmul_precision("highest")  # the checks compare with the CPU's float32
    torch.backends.cudnn.allow_tf32 = False
    setting = Setting(torch.device("cpu" if given.rehearse else "cuda"), given.rehearse, given.data)
    name = "CPU, a rehearsal" if given.rehearse else torch.cuda.get_device_name()
    print(f"{name}; torch {torch.__version__}, Python {sys.version.split()[0]}")
    report: dict[str, Any] = {"device": name, "torch": torch.__version__, "parts": {}}
    for part, state, found in results(setting, time.monotonic() + 60 * given.minutes):
        shown = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in found.items()
        )
        print(f"{part:<20} {state:<8} {shown}"[: shutil.get_terminal_size((200, 0)).columns])
        report["parts"][part] = {"state": state, **found}
    line = json.dumps(report)
    if given.out:
        given.out.write_text(line + "\n")
    print(line)
    return int(any(part["state"] == "WRONG" for part in report["parts"].values()))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"error: {error}")
