"""The training of test_distributed.py, started by torchrun: on one machine, on two, and killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import two_hosts
from tests.processes import MEMBERS, Run, assert_same_result, finished, flags, start, trained

TORCHRUN = [sys.executable, "-m", "torch.distributed.run"]
FIT = ["-m", "alexnet_lightning.fit"]
HERE = [*TORCHRUN, "--standalone", "--nproc-per-node", str(MEMBERS)]
LONGER = ["--trainer.max_epochs", "30", "--recovery.every_n_steps", "7"]
# Else restarted workers may find the addresses of the dead: pytorch issue 135712.
FRESH_STORE = {"TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
pytestmark = [pytest.mark.slow, pytest.mark.all_cores]


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What two processes come to that Lightning starts by itself."""
    return trained(tmp_path_factory.mktemp("expected"))


def test_one_machine(expected: Run, tmp_path: Path) -> None:
    run = finished(tmp_path, start(tmp_path, [*HERE, *FIT, *flags(tmp_path, MEMBERS)]))
    assert_same_result(expected, run)
    assert run.rows == expected.rows
    assert len(list(run.folder.glob("wandb/offline-run-*"))) == 1
    assert run.printed.count("best epoch  ") == 1


@pytest.mark.skipif(two_hosts.missing() is not None, reason=str(two_hosts.missing()))
def test_two_machines(expected: Run, tmp_path: Path) -> None:
    fit = [*FIT, *flags(tmp_path, MEMBERS), "--trainer.devices", "1", "--trainer.num_nodes", "2"]
    with two_hosts.connected() as hosts:
        processes = []
        try:
            for number, host in enumerate(hosts):
                meeting = [
                    *("--nnodes", "2", "--nproc-per-node", "1", "--rdzv-id", "two_machines"),
                    *("--rdzv-backend", "c10d", "--rdzv-endpoint", f"{hosts[0].address}:29500"),
                    # By their names it cannot tell them apart: both have this machine's.
                    *("--rdzv-conf", f"is_host={number == 0}", "--local-addr", host.address),
                ]
                command = host.inside(*TORCHRUN, *meeting, *fit)
                only = {"GLOO_SOCKET_IFNAME": two_hosts.INTERFACE}
                processes.append(start(tmp_path, command, **only))
            run = finished(tmp_path, *processes)
        finally:
            for process in processes:
                end(process)
    assert "MEMBER: 2/2" in run.printed
    assert_same_result(expected, run)
    assert run.rows == expected.rows


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """What a longer training comes to that nobody kills."""
    return trained(tmp_path_factory.mktemp("undisturbed"), *LONGER)


@pytest.mark.parametrize("victim", range(MEMBERS))
def test_a_killed_worker_restarts_all_and_the_run_goes_on(
    victim: int, undisturbed: Run, tmp_path: Path
) -> None:
    command = [*HERE, "--max-restarts", "1", *FIT, *flags(tmp_path, MEMBERS, *LONGER)]
    process = start(tmp_path, command, **FRESH_STORE)
    try:
        wait_for(tmp_path, "runs/*/*/checkpoints/last-1.ckpt", process)
        os.kill(workers(process.pid)[victim], signal.SIGKILL)
        run = finished(tmp_path, process)
    finally:
        end(process)
    assert "resuming after step" in run.printed
    assert run.rows == undisturbed.rows
    assert all(weight.equal(run.weights[name]) for name, weight in undisturbed.weights.items())


def wait_for(folder: Path, pattern: str, process: "subprocess.Popen[str]") -> None:
    """Wait until there is such a file."""
    until = time.monotonic() + 120
    while not list(folder.glob(pattern)):
        assert process.poll() is None and time.monotonic() < until, (folder / "log.txt").read_text()
        time.sleep(0.02)


def workers(pid: int) -> list[int]:
    """Return torchrun's workers in the order of their ranks."""
    children = map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
    ranks = {}
    for child in children:
        words = Path(f"/proc/{child}/environ").read_bytes().split(b"\0")
        ranks.update({int(word[5:]): child for word in words if word.startswith(b"RANK=")})
    return [ranks[rank] for rank in sorted(ranks)]


def end(process: "subprocess.Popen[str]") -> None:
    """End a process and its workers, if they have not."""
    if process.poll() is None:
        process.terminate()
        process.wait(60)
