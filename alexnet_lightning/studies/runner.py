"""Runs a study: one process of `fit` per run, until all runs are finished."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, MappingProxyType
from typing import Any

from tqdm import tqdm

from alexnet_lightning.cli.config_files import as_flags
from alexnet_lightning.studies.grid import Cell, Run, find, is_locked
from alexnet_lightning.system.signals import Stopped


class Runner:
    """The processes of a study, `jobs` at once, which divide the cores.

    Args:
        folder: of their run folders.
        group: for W&B.
        jobs: how many at once, >= 1.
        deadline: of `time.monotonic`, at which runs are stopped as by a signal.
        also_test: further tests of each finished run, by name: their flags of `evaluate`.
    """

    def __init__(
        self,
        folder: Path,
        group: str,
        jobs: int,
        deadline: float | None = None,
        also_test: Mapping[str, Mapping[str, Any]] = MappingProxyType({}),
    ) -> None:
        self.folder, self.logs, self.jobs = folder, folder / "logs", jobs
        self.deadline, self.also_test = deadline, also_test
        threads = max(1, (os.cpu_count() or 1) // jobs)
        self.environment = {"OMP_NUM_THREADS": str(threads), "WANDB_RUN_GROUP": group} | os.environ
        self._processes: set[subprocess.Popen[bytes]] = set()
        self._received: list[signal.Signals] = []

    def run_all(self, cells: Sequence[Cell]) -> list[Run]:
        """Train the runs that are not finished; return those that failed."""
        self.logs.mkdir(parents=True, exist_ok=True)
        left = [cell.run for cell in cells if cell.state != "finished" or self.untested(cell)]
        bar = tqdm(total=len(cells), initial=len(cells) - len(left), unit="run", disable=None)
        failed = []
        with ThreadPoolExecutor(self.jobs) as pool, bar, self._forwarding():
            pending = {pool.submit(self.run_one, run): run for run in left}
            for done in as_completed(pending):
                run = pending[done]
                if not done.result() and not self._received:
                    failed.append(run)
                cell = find(run, self.folder)
                if cell.state != "waiting":  # else stopped before it began
                    unfinished = f"{cell.state}; its output is in {self.logs / run.name}.log"
                    bar.update()
                    bar.write(f"{run.name}: {cell.result or unfinished}")
        return failed

    def run_one(self, run: Run) -> bool:
        """Train one run to its end, from its last checkpoint, and test it; tell if it got there."""
        if self._received:
            return False
        cell = find(run, self.folder)
        while cell.folder is not None and is_locked(cell.folder):  # started by a killed study
            time.sleep(2)
        if cell.folder is None or not cell.folder.summary.is_file():
            own = ["--resume", str(cell.folder.path)] if cell.folder else run.arguments(self.folder)
            if not self.command(run, "fit", *own, "--trainer.enable_progress_bar=false"):
                return False
        cell = find(run, self.folder)
        assert cell.folder is not None  # fit has made it
        return all(
            self.command(run, "evaluate", str(cell.folder.path), f"--output={path}", *flags)
            for path, flags in self.untested(cell).items()
        )

    def untested(self, cell: Cell) -> dict[Path, list[str]]:
        """Return the flags of the tests that a finished run lacks, by the file of their figures."""
        files = {name: cell.folder.test_figures(name) for name in self.also_test if cell.folder}
        return {
            path: as_flags(self.also_test[name])
            for name, path in files.items()
            if not path.is_file()
        }

    def command(self, run: Run, name: str, *args: str) -> bool:
        """Run a command for a run, its output in the run's log; tell whether it succeeded."""
        with (self.logs / f"{run.name}.log").open("ab") as log:
            # In a session of its own, a Ctrl-C reaches it once, through us.
            process = subprocess.Popen(
                [sys.executable, "-m", f"alexnet_lightning.{name}", *args],
                stdout=log, stderr=log, env=self.environment, start_new_session=True,
            )  # fmt: skip
            self._processes.add(process)
            if self._received:  # between the start and the line above
                process.terminate()
            status = process.wait()
            self._processes.discard(process)
        return status == 0

    @contextmanager
    def _forwarding(self) -> Iterator[None]:
        """Stop the runs at Ctrl-C, SIGTERM and the deadline, wait for them, then raise Stopped."""

        def forward(signum: int, frame: FrameType | None) -> None:
            self._received.append(signal.Signals(signum))
            for process in list(self._processes):
                process.terminate()

        stops = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
        before = {signum: signal.signal(signum, forward) for signum in stops}
        if self.deadline is not None:
            left = self.deadline - time.monotonic()
            signal.setitimer(signal.ITIMER_REAL, max(left, 0.001))  # 0 would be never
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            for signum, handler in before.items():
                signal.signal(signum, handler)
        if self._received:
            raise Stopped(self._received[0])
