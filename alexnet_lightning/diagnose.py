"""See before training what of the images reaches each layer, in one batch."""

import math
import sys
from collections.abc import Sequence

from alexnet_lightning.callbacks.layer_table import layer_table
from alexnet_lightning.cli.command import CommandParser, run_command
from alexnet_lightning.cli.experiment import ExperimentCLI
from alexnet_lightning.networks.inspect import LayerFacts, layer_facts

IMAGES = 64
EXPLANATION = (
    "spread: standard deviation of a layer's pre-activations across the images, mean over its "
    "units\nshare:  spread over their mean size: how much depends on which image it is"
)
# Of the logits' share. On CIFAR-10 at 224 px it is 2e-4 for write-up 3's failing recipe, 6e-3 with
# torch's starting values instead, .3 with those of 2012 on pixels of 0-255. In runs at 32 px and a
# quarter of the width, SGD left chance within 200 steps at 8e-3, and not within 500 at 3e-4, 1e-4
# and 3e-5, nor within 300 at 1e-6; Adam neither at 3e-4 with the paper's values, but at 1e-4 with
# torch's. The spread alone does not tell: at 64 px it is 1.9e-5 for the failing recipe, 3.9e-5 with
# torch's values.
THRESHOLD = 5e-4


def diagnose(args: Sequence[str]) -> None:
    """Print a line a layer and whether the images reach the logits, for a configuration of fit.

    Raises:
        UserError: the configuration is wrong, or the data cannot be had.
    """
    parser = CommandParser(
        prog="python -m alexnet_lightning.diagnose",
        description=__doc__,
        epilog="Other flags are those of fit, as in --config FILE or --data.pixel_max 255.",
        allow_abbrev=False,
    )
    parser.add_argument("--strict", action="store_true", help="end with status 1 on a warning")
    options, experiment = parser.parse_known_args(args)

    cli = ExperimentCLI(experiment)
    cli.datamodule.prepare_data()
    images, _ = cli.datamodule.sample("train", IMAGES)
    facts = layer_facts(cli.model.network, images)
    parameters = sum(parameter.numel() for parameter in cli.model.network.parameters())
    print(layer_table(facts, parameters, measured=True), EXPLANATION, sep="\n\n", end="\n\n")

    judged = deepest(facts)
    print(f"{len(images)} training images, their pixels scaled to 0-{cli.datamodule.pixel_max:g}")
    if judged.share is not None and judged.share >= THRESHOLD:
        print(f"the images reach {judged.name}: its share is {judged.share:.2g}")
        return
    print(warning(facts, judged), advice(str(cli.model.hparams["init"]), cli.datamodule.pixel_max))
    if options.strict:
        sys.exit(1)


def deepest(facts: Sequence[LayerFacts]) -> LayerFacts:
    """Return the last layer that weighs its inputs; one that starts at zero tells nothing yet."""
    return [layer for layer in facts if layer.weight_std][-1]


def warning(facts: Sequence[LayerFacts], judged: LayerFacts) -> str:
    """Return in words that the images get lost, and on what way."""
    weighted = [layer for layer in facts if layer.spread is not None]
    for layer in weighted:
        if not math.isfinite(layer.spread or 0):
            return f"warning: the pre-activations overflow at {layer.name}: expect no learning."
    spreads = " → ".join(f"{layer.spread:.1g}" for layer in weighted)
    return (
        f"warning: the images no longer reach the logits: expect chance. The share of "
        f"{judged.name} is {judged.share or 0:.1g}, under {THRESHOLD:g}: weights so small take "
        f"from the spread at every layer ({spreads}), and biases add the same to all images."
    )


def advice(init: str, pixel_max: float) -> str:
    """Return what to change, by the starting values and the pixel scale."""
    if init in ("paper", "code_2012") and pixel_max < 255:
        return (
            f"Starting values of 2012 want pixels of 0-255, and these are of 0-{pixel_max:g}: give "
            "data.pixel_max 255 with model.init code_2012, or leave model.init at default."
        )
    return {
        "paper": "Give model.init code_2012, larger from the third convolution on, or default.",
        "code_2012": "They are made for full width: give a larger model.width, or model.init he.",
        "default": "Give model.init he, or take Adam, or a variant with batch norm.",
    }.get(init, "Take a variant with batch norm.")


if __name__ == "__main__":
    run_command(diagnose)
