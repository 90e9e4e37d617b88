"""Runs the tests of the make-believe GPU, in a process of their own; see `fake`."""

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def test_on_a_gpu_that_is_not_there() -> None:
    parts = [str(HERE / f"on_gpu_{part}.py") for part in ("data", "steps")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *parts],
        cwd=HERE.parents[1],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr
