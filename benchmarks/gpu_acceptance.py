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
import copy
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from lightning.pytorch import Callback, Trainer
from lightning.pytorch.strategies import DDPStrategy
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import SGD

import alexnet_lightning
from alexnet_lightning.callbacks.step_seed import StepSeed
from alexnet_lightning.data.base import ImageDataModule, Split
from alexnet_lightning.data.batches import Batches, Images, ImageTensors, Loader, held_out, seeded
from alexnet_lightning.data.sets.cifar import CIFAR10DataModule
from alexnet_lightning.data.transforms.colour import PCANoise
from alexnet_lightning.data.transforms.crops import Identity, PadCropAlternatingFlip, PadCropFlip
from alexnet_lightning.data.transforms.resizing import RandomResizedCropFlip, ResizeCropFlip
from alexnet_lightning.models.create import accepted, create_model, list_models
from alexnet_lightning.networks.inspect import multiply_adds
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.checkpoints import AtomicCheckpointIO, BestCheckpoint
from alexnet_lightning.training.classifier import ImageClassifier
from alexnet_lightning.training.metrics_csv import MetricsCSV
from alexnet_lightning.training.optimization import build_optimizer
from alexnet_lightning.training.recovery import Recovery

sgd = partial(SGD, lr=0.01, momentum=0.9)
LONGEST_TRAINING = 300.0  # seconds; one that takes longer hangs


class SkippedError(Exception):
    """A part cannot run here, or not within the time left."""


class WrongError(Exception):
    """The GPU does something else than the CPU."""


class Setting(NamedTuple):
    """Where and how large everything is, and until when, by `time.monotonic`."""

    device: torch.device
    tiny: bool
    data: Path | None
    deadline: float = math.inf


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
    form = {"AlexNetBN": {"width": 0.25}}.get(name, {})
    return create_model(name, 10, 32, **{**form, **arguments})


def require(close: bool, what: str) -> None:
    if not close:
        raise WrongError(what)


def relative(ours: Tensor, reference: Tensor) -> float:
    """Return the length of the difference over that of the reference."""
    ours, reference = ours.detach().cpu().double(), reference.detach().cpu().double()
    return float((ours - reference).norm() / reference.norm())


def logits(setting: Setting) -> dict[str, float]:
    """Each variant's logits and gradients in float32 are those of the CPU in float64."""
    found = {}
    names = ["AlexNetBN", "AlexNetModern"] if setting.tiny else list_models()
    for name in names:
        if name == "TorchvisionClassifier" and find_spec("torchvision") is None:
            continue
        model = variant(name)
        expected = answers(copy.deepcopy(model).double())
        ours = answers(model.to(setting.device))
        found[name] = max(map(relative, ours, expected))
        require(found[name] < 1e-3, f"{name}: logits or gradients differ by {found[name]:.1e}")
    return {"largest_difference": max(found.values()), "variants": len(found)}


def variant(name: str) -> ImageClassifier:
    """Return a narrow network whose logits depend on the image, in evaluation.

    Dropout differs between devices.
    """
    torch.manual_seed(0)
    kind = getattr(alexnet_lightning, name)
    form = {"width": 0.25} if "width" in accepted(kind) else {}
    if name == "TorchvisionClassifier":
        form = {"name": "resnet18"}
    return create_model(name, 10, 32, init="he", **form).eval()


def answers(model: ImageClassifier) -> list[Tensor]:
    """Return how the logits differ between images, and the gradient of each parameter."""
    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    images = torch.randn(16, 3, 32, 32, generator=seeded("cpu", 1)).to(weights[0])
    output = model(images)
    loss = F.cross_entropy(output, torch.arange(16, device=images.device) % 10)
    return [output - output.mean(dim=0), *torch.autograd.grad(loss, weights)]


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
    count, width = (4, 0.1) if setting.tiny else (30, 0.25)
    form: dict[str, Any] = {"width": width, "dropout": 0.0, "init": "he"}
    whole = steps(small_model("AlexNet", **form), setting.device, 1)
    half = steps(small_model("AlexNet", **form), setting.device, count, dtype)
    require(all(map(math.isfinite, half)), f"losses are not finite: {half}")
    require(abs(half[0] / whole[0] - 1) < 0.05, f"first loss {half[0]}, in float32 {whole[0]}")
    require(min(half) < half[0], f"the loss does not fall: {half}")
    return {"first_loss": half[0], "last_loss": half[-1]}


def compiled(setting: Setting) -> dict[str, float]:
    """A compiled network has the same logits and gradients, and a second size of batch."""
    backend = "inductor"
    if setting.device.type == "cuda" and find_spec("triton") is None:
        raise SkippedError("torch.compile needs triton")
    if setting.tiny:
        backend = "aot_eager"  # a rehearsal; a C++ compiler takes a minute
    found = {}
    for name in ("AlexNet",) if setting.tiny else ("AlexNet", "AlexNetBN"):
        model = variant(name).to(setting.device)
        expected = answers(model)
        model.network.compile(backend=backend, fullgraph=True)
        found[name] = max(map(relative, answers(model), expected))
        require(found[name] < 1e-3, f"{name}: logits or gradients differ by {found[name]:.1e}")
        last = model(torch.zeros(7, 3, 32, 32, device=setting.device))  # smaller, as an epoch's
        require(bool(last.isfinite().all()), f"{name}: logits of another batch size: {last}")
    return {"largest_difference": max(found.values())}


class Kill(Callback):
    """Kill this process after a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def on_train_batch_start(self, trainer: Trainer, *_: Any) -> None:
        if trainer.global_step == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


class Child(NamedTuple):
    """A training in a process of its own."""

    folder: str
    device: str
    kill_at: int | None = None  # step
    processes: int = 1  # that train together
    alike: bool = False  # nothing is random that depends on the process
    backend: str = "gloo"  # by which they do

    def start(self, number: int = 0, **environment: str) -> "subprocess.Popen[str]":
        """Start it, as process `number` of those that train together."""
        command = [sys.executable, __file__, "--child", json.dumps(self)]
        left_out = ("SLURM_", "RANK", "LOCAL_RANK", "WORLD_SIZE", "NODE_RANK", "GROUP_RANK")
        own = {key: value for key, value in os.environ.items() if not key.startswith(left_out)}
        # As if each were alone on its machine: Lightning lets no two share a GPU.
        own |= {"NODE_RANK": str(number), **environment}
        pipe = subprocess.PIPE
        return subprocess.Popen(command, env=own, stdout=pipe, stderr=pipe, text=True)

    def train(self) -> None:
        """Train in the folder, from its last checkpoint on if it has one."""
        folder = Path(self.folder)
        metrics = MetricsCSV(folder)
        checkpoints = folder / "checkpoints"
        best = BestCheckpoint(
            checkpoints,
            monitor="val/top1",
            mode="max",
            filename="best",
            save_on_train_epoch_end=True,
        )
        recovery = Recovery(checkpoints, metrics, every_n_steps=1)
        last = checkpoints / "last.ckpt"
        together = DDPStrategy(process_group_backend=self.backend, timeout=timedelta(minutes=2))
        kill = [Kill(self.kill_at)] if self.kill_at else []
        # Without batch norm, whose statistics are those of a process.
        model = small_model("AlexNet", width=0.25, init="he", dropout=0.0, optimizer=sgd)
        data = Synthetic(batch_size=128 // self.processes, transform=Identity())
        if not self.alike:
            model = small_model(optimizer=sgd, dropout=0.5)
            data = Synthetic(batch_size=64)
        Trainer(
            accelerator="gpu" if self.device == "cuda" else "cpu",
            devices=1,
            num_nodes=self.processes,
            strategy=together if self.processes > 1 else "auto",
            use_distributed_sampler=False,
            deterministic=True,
            max_epochs=1 if self.alike else 2,  # rounding grows a hundredfold in a second
            default_root_dir=folder,
            logger=[metrics],
            plugins=[AtomicCheckpointIO()],
            callbacks=[StepSeed(0), *kill, best, recovery],
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        ).fit(model, data, ckpt_path=str(last) if last.exists() else None, weights_only=False)

    def weights(self) -> dict[str, Tensor]:
        """Return the values that the training has ended with."""
        last = Path(self.folder) / "checkpoints" / "last.ckpt"
        found = torch.load(last, map_location="cpu", weights_only=True)
        state: dict[str, Tensor] = found["state_dict"]
        return state


def finish(setting: Setting, *processes: "subprocess.Popen[str]") -> list[int]:
    """Wait for processes; return their exit statuses, of which one is not 0 after a kill alone."""
    left = max(1.0, setting.deadline - time.monotonic())
    limit = min(LONGEST_TRAINING, left)
    try:
        for process in processes:
            _, errors = process.communicate(timeout=limit)
            require(process.returncode in (0, -signal.SIGKILL), errors[-2000:])
    except subprocess.TimeoutExpired as error:
        if limit == left:
            raise SkippedError(f"cut off after {limit:.0f} s; give more --minutes") from error
        raise WrongError(f"a training has not ended after {limit:.0f} s") from error
    finally:
        for process in processes:
            process.kill()
            with process:  # waits, and closes its pipe
                pass
    return [process.returncode for process in processes]


def resumed(setting: Setting) -> dict[str, float]:
    """A training that was killed within an epoch ends with the same weights, to the bit."""
    with tempfile.TemporaryDirectory() as name:
        whole, broken = (Child(f"{name}/{which}", setting.device.type) for which in "ab")
        finish(setting, whole.start())
        (status,) = finish(setting, broken._replace(kill_at=11).start())
        require(status == -signal.SIGKILL, "the process was not killed")
        finish(setting, broken.start())
        weights, again = whole.weights(), broken.weights()
    different = [key for key in weights if not torch.equal(weights[key], again[key])]
    require(not different, f"after a kill other values of {', '.join(different[:5])}")
    return {"equal_tensors": len(weights)}


def together(setting: Setting) -> dict[str, float]:
    """Two processes, each with half of every batch, end with the weights of one."""
    gpus = torch.cuda.device_count() if setting.device.type == "cuda" else 0
    names = os.environ.get("CUDA_VISIBLE_DEVICES", "0,1").split(",")[:gpus]
    with tempfile.TemporaryDirectory() as name:
        alone = Child(f"{name}/a", setting.device.type, alike=True)
        # NCCL has a GPU for each process; gloo lets them share one.
        backend = "nccl" if gpus > 1 else "gloo"
        both = alone._replace(folder=f"{name}/b", processes=2, backend=backend)
        finish(setting, alone.start())
        address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port())}
        started = []
        for number in range(2):
            own = {"CUDA_VISIBLE_DEVICES": names[number % gpus]} if gpus else {}
            started.append(both.start(number, **address, **own))
        finish(setting, *started)
        weights, other = alone.weights(), both.weights()
    difference = max(
        relative(other[key], weights[key]) for key in weights if weights[key].is_floating_point()
    )
    # Biases, which start from zeros, differ most.
    require(difference < 1e-2, f"weights differ by {difference:.1e}")
    return {"largest_difference": difference, "gpus": gpus}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
    operations = 3 * 2 * macs * batch / (peak["bf16_tflops"] * 1e12)
    # Weights, gradients and momentum, three read and two written; each map once written, once
    # read forward and once backward.
    weights = sum(parameter.numel() for parameter in model.parameters())
    traffic = 5 * 4 * weights + 3 * 2 * maps_of(model.network, images)
    copies = traffic / (peak["gigabytes_per_second"] * 1e9)
    return {
        "milliseconds": 1000 * took,
        "images_per_second": batch / took,
        "fraction_of_floor": max(operations, copies) / took,
        "fraction_of_matrix_peak": operations / took,
        "fraction_of_bandwidth": copies / took,
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
    """Images per second to the network's input, from memory and from images on the device."""
    data: ImageDataModule = Synthetic(batch_size=64, colour=PCANoise())
    if setting.data is not None:
        data = CIFAR10DataModule(root=str(setting.data), batch_size=512, colour=PCANoise())
    data.setup()
    images = data.splits["train"]
    assert isinstance(images, ImageTensors)
    batches = Batches(len(images), data.batch_size, shuffle=True)
    found = {"synthetic": float(setting.data is None)}
    for where, stored in (("memory", images), ("device", images.to(setting.device))):
        loader = Loader(stored, batches)

        def epoch(loader: Loader = loader) -> None:
            for number, (pixels, labels) in enumerate(loader):
                there = (part.to(setting.device, non_blocking=True) for part in (pixels, labels))
                data.augment(*there, 0, number)

        found[f"images_per_second_from_{where}"] = len(images) / seconds(epoch, setting.device, 1)
    return found


PARTS: dict[str, Callable[[Setting], dict[str, float]]] = {
    "logits": logits,
    "images on the device": on_device,
    "augmentation": augmentation,
    "five steps": training,
    "bfloat16": partial(mixed, dtype=torch.bfloat16),
    "float16": partial(mixed, dtype=torch.float16),
    "compile": compiled,
    "resume after a kill": resumed,
    "two processes": together,
    "rates": rates,
    "step": step_time,
    "input path": input_path,
}


def results(setting: Setting) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield each part's name, how it ended ("ok", "skipped" or "WRONG") and what it found."""
    for name, part in PARTS.items():
        if time.monotonic() > setting.deadline:
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
    parser.add_argument("--child", type=json.loads, help=argparse.SUPPRESS)
    return parser.parse_args(args)


def main(args: Sequence[str] | None = None) -> int:
    """Run all parts; return the exit status."""
    given = options(args)
    torch.set_float32_matmul_precision("highest")  # the checks compare with the CPU
    torch.backends.cudnn.allow_tf32 = False
    if given.child:
        Child(*given.child).train()
        return 0
    if not (given.rehearse or torch.cuda.is_available()):
        raise UserError("torch finds no GPU here; --rehearse runs this script on the CPU")
    device = torch.device("cpu" if given.rehearse else "cuda")
    deadline = time.monotonic() + 60 * given.minutes
    setting = Setting(device, given.rehearse, given.data, deadline)
    name = "CPU, a rehearsal" if given.rehearse else torch.cuda.get_device_name()
    print(f"{name}; torch {torch.__version__}, Python {sys.version.split()[0]}", flush=True)
    report: dict[str, Any] = {"device": name, "torch": torch.__version__, "parts": {}}
    for part, state, found in results(setting):
        shown = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in found.items()
        )
        line = f"{part:<20} {state:<8} {shown}".replace("\n", " ")
        print(line[: shutil.get_terminal_size((200, 0)).columns], flush=True)
        report["parts"][part] = {"state": state, **found}
        if given.out:  # after each part, so that it is there if this is killed
            given.out.write_text(json.dumps(report) + "\n")
    print(json.dumps(report))
    return int(any(part["state"] == "WRONG" for part in report["parts"].values()))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except UserError as error:
        sys.exit(f"error: {error}")
