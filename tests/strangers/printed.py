"""Every command that the project prints, with the place where it stands."""

import contextlib
import io
import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from alexnet_lightning.__main__ import COMMANDS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "Dockerfile")]
PAGES += [*sorted(ROOT.glob("docs/*.md")), ROOT / "results" / "README.md"]
CONFIGS = sorted(ROOT.glob("configs/**/*.yaml"))
NOTEBOOKS = sorted(ROOT.glob("notebooks/*.ipynb"))
PROGRAM = re.compile(
    r"(?:PYTHONPATH=\. )?(?:python|alexnet-lightning|torchrun|make|pip|conda|docker|sbatch|curl"
    r"|source|find)(?: |$)"
)
# Openings of indented blocks that are no commands.
TEXTS = ("top-1 ", "best epoch ", "configs/  ", "system | ", "runs/<", "options: {")


def printed() -> dict[str, str]:
    """Return every distinct command, and the first place where it stands."""
    found: dict[str, str] = {}
    for place, command in every():
        found.setdefault(" ".join(command.split()), place)
    return found


def every() -> Iterator[tuple[str, str]]:
    """Yield the place and the command line of everything that a reader might type."""
    for page in PAGES:
        for command in of_markdown(page.read_text()):
            yield str(page.relative_to(ROOT)), command
    for path in NOTEBOOKS:
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] == "markdown":  # code cells are run by their own test
                for command in spans("".join(cell["source"])):
                    yield path.name, command
    for path in CONFIGS:
        lines = re.findall(r"^# ?(.*)", path.read_text(), re.MULTILINE)
        for line in lines:
            line = line.removeprefix("command: ").strip()
            if PROGRAM.match(line) or line.startswith("--"):
                yield str(path.relative_to(ROOT)), bare(line)
    for name in COMMANDS:
        page = help_page(name).replace("\\\n", " ")
        for line in page.splitlines():
            if PROGRAM.match(line.strip()):
                yield f"{name} --help", bare(line)
            elif name == "fit":  # its page is written, the others' are made of their options
                for flag in re.findall(r"--[a-z_.0-9]+", line):
                    yield f"{name} --help", flag.rstrip(".")


def of_markdown(text: str) -> Iterator[str]:
    """Yield the lines of blocks that hold commands, and the commands within sentences."""
    for language, block in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if language not in ("python", "yaml", "json"):  # those are run as programs
            yield from lines_of(block)
    text = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for block in re.findall(r"(?:^ {4}.*\n)+", text, re.MULTILINE):
        if not block.strip().startswith(TEXTS):
            yield from lines_of(block)
    yield from spans(re.sub(r"^ {4}.*\n", "", text, flags=re.MULTILINE))


def lines_of(block: str) -> Iterator[str]:
    """Yield the commands of a block; each line has to be one."""
    for line in block.replace("\\\n", " ").splitlines():
        yield from filter(None, (bare(part) for part in line.split(" && ")))


def spans(text: str) -> Iterator[str]:
    """Yield the code within sentences that is a command with words, or flags."""
    for span in re.findall(r"`([^`]+)`", text):
        words = span.split()
        if words[0] in COMMANDS and len(words) > 1:
            yield f"python -m alexnet_lightning.{span}"
        elif span.startswith("--") or (PROGRAM.match(span) and len(words) > 1):
            yield span


def help_page(name: str) -> str:
    """Return what a command's --help prints."""
    page = io.StringIO()
    with contextlib.redirect_stdout(page), contextlib.suppress(SystemExit):
        import_module(f"alexnet_lightning.{name}").main(["--help"])
    return page.getvalue()


def bare(line: str) -> str:
    """Return a command line without what explains it."""
    return re.sub(r"(\s#.*| {3,}[a-z].*)$", "", line.strip()).strip()
