"""Check before training how much of the images reaches each layer at initialization."""

import math
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from alexnet_lightning.cli.command import arguments, run_command, strictness
from alexnet_lightning.system import progress

# Not with `from __future__ import annotations`: to resolve such, jsonargparse would import this.
if TYPE_CHECKING:
    from alexnet_lightning.networks.inspect import LayerFacts

IMAGES = 64
EXPLANATION = """\
deviation: standard deviation of a layer's pre-activations across the images, mean over its units
fraction:  the deviation over their mean size: how much depends on which image it is"""
# Of the logits' fraction. On CIFAR-10 at 224 px it is 2e-4 for report 3's failing recipe, 6e-3 with
# torch's initialization instead, .3 with that of 2012 on pixels of 0-255. In runs at 32 px and a
# quarter of the width, SGD left chance within 200 steps at 8e-3, and not within 500 at 3e-4, 1e-4
# and 3e-5, nor within 300 at 1e-6; Adam neither at 3e-4 with the paper's values, but at 1e-4 with
# torch's. The deviation alone does not tell: at 64 px (sizes/cifar_64px.yaml) it is 7.1e-5 for the
# failing recipe and 3.8e-5 with torch's initialization, with fractions of 9.8e-5 and 3.6e-3.
THRESHOLD = 5e-4
EXAMPLES = """
python -m alexnet_lightning.diagnose --config configs/cifar_paper_init.yaml
python -m alexnet_lightning.diagnose --config configs/cifar_paper_init.yaml --data.pixel_max 255
"""


class Diagnosis(NamedTuple):
    """What reaches each layer, whether the images reach the logits, and all of it in words."""

    layers: "list[LayerFacts]"
    reached: bool
    report: str


def diagnose(overrides: Mapping[str, Any] | Sequence[str] = ()) -> Diagnosis:
    """Check an experiment's initialization: how much of each activation depends on the image.

    Where almost nothing does, the network stays at chance, as in report 3. All flags of `fit` are
    taken: --config FILE, --data.pixel_max 255 …

    Args:
        overrides: flags of `fit` and their values, as {"config": "configs/cifar_bn.yaml"}

    Raises:
        UserError: the configuration is wrong, or the data cannot be had.
    """
    from alexnet_lightning.cli.config_files import as_flags, check_files
    from alexnet_lightning.networks.inspect import layer_facts
    from alexnet_lightning.networks.layer_table import layer_table

    flags = as_flags(overrides)
    check_files(flags)
    from alexnet_lightning.cli.experiment import ExperimentCLI

    cli = ExperimentCLI(flags)
    network, data = cli.model.network, cli.datamodule
    data.prepare_data()
    with progress.told(f"showing the network {IMAGES} training images"):
        images, _ = data.sample("train", IMAGES)
        facts = layer_facts(network, images)
    judged = deepest(facts)
    reached = judged.fraction is not None and judged.fraction >= THRESHOLD
    verdict = f"the images reach {judged.name}: its fraction is {judged.fraction or 0:.2g}"
    if not reached:
        told = advice(str(cli.model.hparams["init"]), data.pixel_max)
        verdict = f"{warning(facts, judged)} {told}"
    parameters = sum(parameter.numel() for parameter in network.parameters())
    report = [layer_table(facts, parameters, measured=True), "", EXPLANATION, ""]
    report += [f"{len(images)} training images, pixels scaled to 0-{data.pixel_max:g}", verdict]
    return Diagnosis(facts, reached, "\n".join(report))


def main(args: Sequence[str]) -> None:
    """Run the command line: print a line per layer and the verdict."""
    options = arguments("diagnose", args, diagnose, strictness, examples=EXAMPLES)
    strict = options.pop("strict")
    found = diagnose(**options)
    print(found.report)
    if strict and not found.reached:
        sys.exit(1)


def deepest(facts: "Sequence[LayerFacts]") -> "LayerFacts":
    """Return the last layer that weighs its inputs; one that starts at zero is skipped."""
    return [layer for layer in facts if layer.weight_std][-1]


def warning(facts: "Sequence[LayerFacts]", judged: "LayerFacts") -> str:
    """Return in words that the images get lost, and on what way."""
    weighted = [layer for layer in facts if layer.standard_deviation is not None]
    for layer in weighted:
        if not math.isfinite(layer.standard_deviation or 0):
            return f"warning: the pre-activations overflow at {layer.name}: expect no learning."
    deviations = " → ".join(f"{layer.standard_deviation:.1g}" for layer in weighted)
    return (
        f"warning: the images no longer reach the logits: expect chance. The fraction of "
        f"{judged.name} is {judged.fraction or 0:.1g}, under {THRESHOLD:g}: weights so small take "
        f"from the deviation at every layer ({deviations}), and biases add the same to all images."
    )


def advice(init: str, pixel_max: float) -> str:
    """Return what to change, by the initialization and the pixel scale."""
    if init in ("paper", "code_2012") and pixel_max < 255:
        return (
            f"The initializations of 2012 need pixels of 0-255, and these are of 0-{pixel_max:g}: "
            "give data.pixel_max 255 with model.init code_2012, or leave model.init at default."
        )
    return {
        "paper": "Give model.init code_2012, larger from the third convolution on, or default.",
        "code_2012": "They are made for full width: give a larger model.width, or model.init he.",
        "default": "Give model.init he, or take Adam, or a variant with batch norm.",
    }.get(init, "Take a variant with batch norm.")


if __name__ == "__main__":
    run_command(main)
