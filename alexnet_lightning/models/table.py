"""All variants in numbers, as a table in Markdown."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import nn

import alexnet_lightning
from alexnet_lightning.models.create import accepted, create_model, list_models
from alexnet_lightning.networks.inspect import multiply_adds, receptive_field
from alexnet_lightning.networks.layers import LocalResponseNorm, WithinMapNorm
from alexnet_lightning.training.classifier import ImageClassifier

EXAMPLES = ("resnet18", "mobilenet_v3_large", "efficientnet_b0")  # baselines that report 3 names
COLUMNS = "multiply-adds | size | receptive field |\n|---|---:|---:|---:|---:|"
Variant = tuple[type[ImageClassifier], dict[str, Any]]  # with its required arguments


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
