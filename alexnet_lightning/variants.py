"""Show all variants: parameters, multiply-adds, size and receptive field of each."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

import alexnet_lightning
from alexnet_lightning.cli.command import arguments, run_command
from alexnet_lightning.models.create import accepted, create_model, list_models
from alexnet_lightning.networks.inspect import multiply_adds, receptive_field
from alexnet_lightning.networks.layers import LocalResponseNorm, WithinMapNorm
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.classifier import ImageClassifier

START, END = "<!-- variants -->", "<!-- /variants -->"
EXAMPLES = ("resnet18", "mobilenet_v3_large", "efficientnet_b0")  # baselines that report 3 names
CALLS = """
python -m alexnet_lightning.variants
python -m alexnet_lightning.variants --write docs/models.md
"""
COLUMNS = "multiply-adds | size | receptive field |\n|---|---:|---:|---:|---:|"
Variant = tuple[type[ImageClassifier], dict[str, Any]]  # with its required arguments


def variants(write: str | Path | None = None) -> str:
    """Return the table of all variants: parameters, multiply-adds, size, receptive field.

    Args:
        write: file in which the table replaces the lines between its two marks

    Raises:
        UserError: the file cannot be read, or lacks the marks.
    """
    if write is None:
        return variants_table()
    path = Path(write)
    try:
        content = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--write: cannot read {path}: {error}") from None
    if not 0 <= content.find(START) < content.find(END):
        raise UserError(f"--write: {path} has no place for the table; put {START} and {END} in it")
    before, rest = content.split(START, 1)
    _, after = rest.split(END, 1)
    table = variants_table()
    with replacing(path) as part:
        part.write_text(f"{before}{START}\n{table}\n{END}{after}")
    return table


def main(args: Sequence[str]) -> None:
    """Run the command line: print the table, or write it."""
    options = arguments("variants", args, variants, examples=CALLS)
    table = variants(**options)
    if options["write"] is None:
        print(table)


def variants_table() -> str:
    """Return two tables in Markdown: every variant at 224 px, and its small form at 32 px."""
    lines = [f"| 224 px | parameters, 1000 classes | 10 classes | {COLUMNS}---:|"]
    for variant in known_variants():
        network, fewer = built(variant, 1000, 224), built(variant, 10, 224)
        lines.append(row(name(variant), count(network), count(fewer), *costs(network, 224)))
    lines += ["", f"| 32 px | parameters, 10 classes | {COLUMNS}"]
    for variant in known_variants():
        network = built(variant, 10, 32)
        lines.append(row(name(variant), count(network), *costs(network, 32)))
    return "\n".join(lines)


def known_variants() -> Iterator[Variant]:
    """Yield every variant of the package, by name."""
    for name in list_models():
        variant = getattr(alexnet_lightning, name)
        if "name" in accepted(variant):
            yield from ((variant, {"name": example}) for example in EXAMPLES)
        else:
            yield variant, {}


def name(variant: Variant) -> str:
    kind, arguments = variant
    return " ".join([f"`{kind.__name__}`", *arguments.values()])


def built(variant: Variant, num_classes: int, image_size: int) -> nn.Module | None:
    """Return a variant's network without weights, or None if it cannot take such images."""
    kind, arguments = variant
    try:
        with torch.device("meta"):  # to sample 60 million weights takes long
            return create_model(kind.__name__, num_classes, image_size, **arguments).network
    except ValueError:
        return None


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def count(network: nn.Module | None) -> str:
    return f"{parameters(network):,}" if network else "–"


def costs(network: nn.Module | None, image_size: int) -> list[str]:
    """Return multiply-adds, size in float32 and receptive field of the backbone."""
    if network is None:
        return ["–"] * 3
    field = receptive_field(getattr(network, "features", network))
    for key, layer in list(network.named_modules()):
        if isinstance(layer, LocalResponseNorm | WithinMapNorm):
            network.set_submodule(key, nn.Identity())  # no autocast on the meta device
    million = multiply_adds(network, 3, image_size) / 1e6
    return [
        f"{million:,.{0 if million >= 100 else 1}f} M",
        f"{parameters(network) * 4 / 1e6:,.1f} MB",
        f"{field} px" if field else "–",
    ]


def parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


if __name__ == "__main__":
    run_command(main)
