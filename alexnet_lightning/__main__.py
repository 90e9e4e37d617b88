"""The commands: python -m alexnet_lightning COMMAND, or alexnet-lightning COMMAND."""

import ast
import runpy
import signal
import sys
from pathlib import Path

from alexnet_lightning.system.streams import encode_anything
from alexnet_lightning.system.text import did_you_mean

COMMANDS = (
    "fit", "evaluate", "check_data", "diagnose", "variants", "predict", "export", "explain",
    "serve", "demo", "study", "report", "dashboard", "lesson",
)  # fmt: skip


def main() -> None:
    """Run the command that the first argument names; without one, list them."""
    name = sys.argv[1].replace("-", "_") if len(sys.argv) > 1 else ""
    if name in COMMANDS:
        sys.argv = [f"alexnet-lightning {name}", *sys.argv[2:]]
        runpy.run_module(f"alexnet_lightning.{name}", run_name="__main__", alter_sys=True)
        return
    if name and name not in ("__help", "_h", "help"):
        near = did_you_mean(name, COMMANDS, f"there are {', '.join(COMMANDS)}")
        print(f"error: {sys.argv[1]}: no such command; {near}", file=sys.stderr)
        sys.exit(2)
    encode_anything()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader, such as head, may have enough
    print("usage: python -m alexnet_lightning COMMAND …, or alexnet-lightning COMMAND …\n")
    for command in COMMANDS:
        print(f"  {command:<12}{purpose(command)}")
    print("\npython -m alexnet_lightning COMMAND --help tells more.")


def purpose(command: str) -> str:
    """Return the first line of a command's module, which is not imported for it."""
    source = Path(__file__).with_name(f"{command}.py").read_text(encoding="utf-8")
    return (ast.get_docstring(ast.parse(source)) or "").partition("\n")[0]


if __name__ == "__main__":
    main()
