"""Training that begins with the weights of an earlier run of the same variant: fine-tuning."""

from collections.abc import Sequence

from torch import nn

from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.checkpoints import load_weights
from alexnet_lightning.training.classifier import ImageClassifier
from alexnet_lightning.training.rank_zero import say
from alexnet_lightning.training.run_folder import RunFolder, variant_of


def start_from(model: ImageClassifier, run: RunFolder, class_names: Sequence[str]) -> None:
    """Fill a model with a run's best weights.

    The last layer stays as it is, unless the run had the same classes in the same order.

    Args:
        model: of the run's variant, as wide and for images as large.
        run: a run folder, or one of `export --format hub`.
        class_names: classes of the model.

    Raises:
        UserError: the run has no checkpoint, is of another variant, or does not fit.
    """
    checkpoint = run.read("best")
    theirs, mine = variant_of(checkpoint), type(model).__name__
    if theirs != mine:
        raise UserError(f"--pretrained: {run.path} is of {theirs}, the model is {mine}")
    weights, arguments = checkpoint["state_dict"], checkpoint["hyper_parameters"]
    kept = "all weights"
    if [*checkpoint["preprocessing"]["class_names"]] != [*class_names]:
        last = last_layer(model)
        own = {name: value for name, value in model.state_dict().items() if name.startswith(last)}
        weights = weights | own
        arguments = {name: value for name, value in arguments.items() if name != "num_classes"}
        kept = "all weights but the last layer's, for it had other classes"
    content = {"state_dict": weights, "hyper_parameters": arguments}
    load_weights(model, content, f"--pretrained: {run.path}")
    model.pretrained = True
    say(f"{run.path}: {kept} are taken")


def last_layer(model: ImageClassifier) -> str:
    """Return the name of the layer that makes the logits, with a dot at its end."""
    linear = [name for name, layer in model.named_modules() if isinstance(layer, nn.Linear)]
    return f"{linear[-1]}."
