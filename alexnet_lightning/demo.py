"""Show in the browser what trained networks see in an image, up to three side by side."""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from alexnet_lightning.cli.command import arguments, run_command
from alexnet_lightning.system import progress
from alexnet_lightning.system.devices import Device
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.ports import check_port
from alexnet_lightning.training.run_folder import RunFolder

# No browser is opened, nothing is reported, and files are not watched; uploads are at most 10 MB.
FLAGS = (
    *("--server.headless=true", "--browser.gatherUsageStats=false", "--client.toolbarMode=minimal"),
    *("--server.fileWatcherType=none", "--server.maxUploadSize=10"),
)
EXAMPLES = """
python -m alexnet_lightning.demo latest
python -m alexnet_lightning.demo digits_bn runs/digits/DATE --port 8600
"""


def demo(
    run_dirs: Sequence[str | Path],
    host: str = "127.0.0.1",
    port: int = 8501,
    device: Device = "auto",
) -> NoReturn:
    """Show in the browser what trained networks see in an image, until Ctrl-C.

    Args:
        run_dirs: run folders, names of configs (their newest runs), or latest
        host: address to listen at; 127.0.0.1 is reached from this machine only
        port: from 1024 to 65535
        device: auto (a GPU if there is one), cpu, cuda, cuda:1 or mps

    Raises:
        UserError: there is no such run or device, the port is taken, or Streamlit is missing.
    """
    if find_spec("streamlit") is None:
        raise UserError("needs streamlit: pip install 'alexnet-lightning[use]'")
    check_port(host, port)
    runs = [RunFolder.find(run_dir).path for run_dir in run_dirs]
    from alexnet_lightning.inference.predictor import Predictor

    for run in progress.each(runs, "loading"):  # a network that cannot be shown ends it here
        Predictor.load(run, device=device)

    flags = [f"--server.address={host}", f"--server.port={port}", *FLAGS, "--"]
    page = str(Path(__file__).parent / "explanations" / "page.py")
    command = [sys.executable, "-m", "streamlit", "run", page, *flags, device, *map(str, runs)]
    os.execv(sys.executable, command)


def main(args: Sequence[str]) -> None:
    demo(**arguments("demo", args, demo, examples=EXAMPLES))


if __name__ == "__main__":
    run_command(main)
