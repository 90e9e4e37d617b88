"""Show all variants: parameters, multiply-adds, size and receptive field of each."""

from collections.abc import Sequence
from pathlib import Path

from alexnet_lightning.cli.command import arguments, run_command
from alexnet_lightning.system import progress
from alexnet_lightning.system.atomic import check_writable, replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.system.text import reason

START, END = "<!-- variants -->", "<!-- /variants -->"
CALLS = """
python -m alexnet_lightning.variants
python -m alexnet_lightning.variants --write docs/models.md
"""


def variants(write: str | Path | None = None) -> str:
    """Return the table of all variants: parameters, multiply-adds, size, receptive field.

    Args:
        write: file in which the table replaces the lines between its two marks

    Raises:
        UserError: the file cannot be read, or lacks the marks.
    """
    content = ""
    if write is not None:
        try:
            content = Path(write).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"--write: cannot read {write}: {reason(error)}") from None
        if not 0 <= content.find(START) < content.find(END):
            raise UserError(
                f"--write: {write} has no place for the table; put {START} and {END} in it"
            )
        check_writable("--write", Path(write))
    with progress.told("building all variants to count their parameters and multiply-adds"):
        from alexnet_lightning.models.table import variants_table

        table = variants_table()
    if write is not None:
        before, after = content.partition(START)[0], content.partition(END)[2]
        with replacing(Path(write)) as part:
            part.write_text(f"{before}{START}\n{table}\n{END}{after}", encoding="utf-8")
    return table


def main(args: Sequence[str]) -> None:
    """Run the command line: print the table, or write it."""
    options = arguments("variants", args, variants, examples=CALLS)
    table = variants(**options)
    if options["write"] is None:
        print(table)


if __name__ == "__main__":
    run_command(main)
