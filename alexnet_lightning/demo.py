"""A page to look at what trained networks make of a picture, one or several side by side."""

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from alexnet_lightning.cli.command import CommandParser, run_command
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.ports import check_port

# No browser is opened, nothing is reported, and files are not watched.
FLAGS = {
    "server.headless": "true",
    "browser.gatherUsageStats": "false",
    "server.fileWatcherType": "none",
    "server.maxUploadSize": "10",  # megabytes
    "client.toolbarMode": "minimal",
}


def demo(args: Sequence[str]) -> None:
    """Show a page until Ctrl-C.

    Raises:
        UserError: no such run, the port is taken, or Streamlit is missing.
    """
    parser = CommandParser(prog="python -m alexnet_lightning.demo", description=__doc__)
    add = parser.add_argument
    add("run_dirs", nargs="+", type=Path, metavar="run_dir", help="run folder, as fit prints it")
    add("--host", default="127.0.0.1", help="127.0.0.1 (default) is seen from this machine only")
    add("--port", type=int, default=8501)
    options = parser.parse_args(args)
    if find_spec("streamlit") is None:
        raise UserError("needs streamlit: pip install alexnet-lightning[use]")
    check_port(options.host, options.port)
    from alexnet_lightning.inference.predictor import Predictor

    for run_dir in options.run_dirs:
        Predictor.load(run_dir)

    flags = FLAGS | {"server.address": options.host, "server.port": options.port}
    page = Path(__file__).parent / "explanations" / "page.py"
    command = [sys.executable, "-m", "streamlit", "run", str(page)]
    command += [f"--{name}={value}" for name, value in flags.items()]
    os.execv(sys.executable, [*command, "--", *map(str, options.run_dirs)])


if __name__ == "__main__":
    run_command(demo)
