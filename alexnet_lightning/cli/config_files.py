"""The files that --config names, read once before the parser does, which would not name them."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import yaml

from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import one_line


def config_files(args: Sequence[str]) -> list[Path]:
    """Return the files given with --config or -c, in order."""
    files = []
    for flag, value in pairwise([*args, ""]):
        if flag in ("--config", "-c"):
            files.append(Path(value))
        elif flag.startswith(("--config=", "-c=")):
            files.append(Path(flag.split("=", 1)[1]))
    return files


def check_yaml(path: Path) -> None:
    """Raise a UserError that names the file, and the line, if it cannot be read as a mapping."""
    try:
        content = yaml.safe_load(path.read_text())
    except OSError as error:
        raise UserError(f"--config: cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = one_line(error)
        raise UserError(f"--config: {path} is no valid YAML: {reason}") from None
    if not isinstance(content, dict):
        raise UserError(f"--config: {path} must hold keys such as model, data and trainer")
