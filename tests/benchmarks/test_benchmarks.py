"""Benchmarks run at a tiny size, and compare only sides that did the same work."""

import importlib
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
SHARED = {"timing", "textbook"}  # imported by the others
OWN_TESTS = {"gpu_acceptance", "jpeg_copy"}
PROCESSES = {
    "kept_memory",
    "kill_and_resume",
    "serving",
    "train_step",
}  # which start several that import torch
LONG = PROCESSES | {"precision", "startup"}
NAMES = [
    pytest.param(path.stem, marks=[pytest.mark.slow] if path.stem in LONG else [])
    for path in sorted(BENCHMARKS.glob("*.py"))
    if path.stem not in SHARED | OWN_TESTS
]
Load = Callable[[str], ModuleType]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """Import a benchmark, or what they share."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


@pytest.fixture
def unequal(load: Load) -> type[Exception]:
    """The error that says that two sides did different work."""
    error: type[Exception] = load("timing").UnequalWorkError
    return error


def all_numbers(figures: Any) -> Iterator[float]:
    if isinstance(figures, dict):
        figures = list(figures.values())
    for value in figures if isinstance(figures, list) else [figures]:
        if isinstance(value, dict | list):
            yield from all_numbers(value)
        elif isinstance(value, int | float):
            yield value


def check(output: str) -> dict[str, Any]:
    """Return the figures in the last line of what a benchmark printed."""
    figures: dict[str, Any] = json.loads(output.splitlines()[-1])
    numbers = list(all_numbers(figures))
    assert numbers
    assert all(map(math.isfinite, numbers)), figures
    return figures


@pytest.mark.filterwarnings("ignore::UserWarning")  # of Lightning and DDP about tiny sizes
@pytest.mark.parametrize("name", NAMES)
def test_it_runs_at_a_tiny_size(
    name: str,
    load: Load,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    in_tmp: Path,
) -> None:
    if name in PROCESSES:
        command = [sys.executable, str(BENCHMARKS / f"{name}.py"), "--tiny"]
        root = BENCHMARKS.parent
        environment = os.environ | {"PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
        done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout + done.stderr
        check(done.stdout)
        return
    monkeypatch.setenv("WANDB_MODE", "disabled")
    load(name).main(["--tiny"])
    check(capsys.readouterr().out)
    assert not any(in_tmp.iterdir()), "it must leave nothing where it was started"


@pytest.mark.slow
def test_two_processes_exchange_gradients(load: Load, tmp_path: Path) -> None:
    ddp = load("ddp_communication")
    arguments = (str(tmp_path / "store"), ddp.TINY._replace(processes=2), 1)
    torch.multiprocessing.spawn(ddp.work, arguments, nprocs=2)


def test_sides_that_did_different_work_are_not_compared(
    load: Load, unequal: type[Exception]
) -> None:
    timing = load("timing")
    pairs = timing.in_turn(lambda: timing.Timed(3.0, 8), lambda: timing.Timed(2.0, 8), rounds=3)
    assert pairs.ratio == 1.5
    for base, ours in ((8, 7), (0, 0), ([1.0], [2.0]), (None, None)):
        with pytest.raises(unequal):
            timing.in_turn(
                lambda base=base: timing.Timed(3.0, base),
                lambda ours=ours: timing.Timed(2.0, ours),
                rounds=1,
            )


@pytest.mark.parametrize("ours", [[], [1.0], [1.0, 2.1], [1.0, math.nan]])
def test_losses_that_differ_are_refused(
    load: Load, unequal: type[Exception], ours: list[float]
) -> None:
    with pytest.raises(unequal):
        load("timing").require_close("losses", [1.0, 2.0], ours, 1e-3)
    assert load("timing").require_close("losses", [1.0, 2.0], [1.0, 2.001], 1e-3) > 0


def test_no_figure_may_be_infinite(load: Load, unequal: type[Exception]) -> None:
    with pytest.raises(unequal):
        load("timing").report({"ratio": math.inf})


def test_the_overhead_of_an_empty_epoch_is_refused(
    load: Load, unequal: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    overhead = load("overhead")
    monkeypatch.setattr(overhead.CIFAR10DataModule, "train_dataloader", lambda self: [])
    monkeypatch.setattr(overhead.Side, "lightning", lambda self, folder: overhead.Timed(1.0, 3))
    with pytest.raises(unequal):
        overhead.lightning_overhead(1, **overhead.TINY)


def test_a_port_with_other_weights_is_refused(
    load: Load, unequal: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    train_step = load("train_step")
    textbook = train_step.textbook

    def changed(network: torch.nn.Module) -> torch.nn.Module:
        port = textbook(network)
        with torch.no_grad():
            next(port.parameters()).mul_(1.5)
        return port

    monkeypatch.setattr(train_step, "textbook", changed)
    with pytest.raises(unequal, match="losses differ"):
        train_step.paired(*train_step.sides(train_step.TINY[0]), rounds=1)


@contextmanager
def answering(probability: float) -> Iterator[int]:
    """A server that gives the same answer to every request; its port."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:  # the name that http.server calls
            self.rfile.read(int(self.headers["Content-Length"]))
            answer = {"classes": ["0", "1"], "probabilities": [probability, 1 - probability]}
            body = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        request_queue_size = 64  # clients that connect at once

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_servers_must_give_the_same_answers(load: Load, unequal: type[Exception]) -> None:
    serving = load("serving")
    bodies = [b"an image"] * 20
    with answering(0.7) as one, answering(0.7) as same, answering(0.6) as other:
        assert serving.compare(one, same, bodies, rounds=1).ratio > 0
        with pytest.raises(unequal, match="answer"):
            serving.compare(one, other, bodies, rounds=1)


def run_folder(path: Path, **content: Any) -> Path:
    """Write the last checkpoint and the metrics of a run."""
    (path / "checkpoints").mkdir(parents=True)
    weights = {"state_dict": {"weight": torch.ones(2)}, "optimizer_states": [], "epoch": 1}
    stored = weights | {"lr_schedulers": [], "global_step": 5} | content
    torch.save({k: v for k, v in stored.items() if v is not None}, path / "checkpoints/last.ckpt")
    (path / "metrics.csv").write_text("epoch,step,train/loss\n0,5,1.5\n")
    return path


def test_what_differs_after_kills_is_named(
    load: Load, unequal: type[Exception], tmp_path: Path
) -> None:
    differences = load("kill_and_resume").differences
    quiet = run_folder(tmp_path / "quiet")
    assert differences(quiet, run_folder(tmp_path / "same")) == []
    other = run_folder(tmp_path / "other", state_dict={"weight": torch.zeros(2)}, global_step=4)
    (other / "metrics.csv").write_text("epoch,step,train/loss\n0,5,1.25\n")
    assert differences(quiet, other) == ["state_dict", "global_step", "metrics.csv"]
    with pytest.raises(unequal, match="optimizer_states"):
        differences(run_folder(tmp_path / "empty", optimizer_states=None), other)


def test_a_command_that_fails_is_not_timed(load: Load, unequal: type[Exception]) -> None:
    startup = load("startup")
    assert startup.spend(startup.Command("print", ("-c", "print('yes')"), shows="^yes$")).wall > 0
    for command in (
        startup.Command("fails", ("-c", "1 / 0")),
        startup.Command("silent", ("-c", "pass"), shows="usage"),
    ):
        with pytest.raises(unequal, match=command.name):
            startup.spend(command)


def test_heaviest_packages_by_their_own_time(load: Load) -> None:
    written = "import time: self [us] | cumulative | imported package\n"
    for own, module in ((1000, "torch"), (3000, "numpy.core"), (500000, "  torch.nn")):
        written += f"import time: {own:9} | {own:10} | {module}\n"
    assert load("startup").heaviest(written) == [("torch", 0.501), ("numpy", 0.003)]
