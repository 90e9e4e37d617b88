"""Training that begins with the weights of an earlier run of the same variant: fine-tuning."""

from collections.abc import Sequence
from dataclasses import dataclass

from lightning.pytorch import LightningModule
from torch import Tensor, nn

from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.checkpoints import load_weights
from alexnet_lightning.training.rank_zero import say
from alexnet_lightning.training.run_folder import RunFolder, variant_of


@dataclass
class Pretrained:
    """What is to be known of the earlier run once the classes of the new one are.

    Args:
        run: the earlier run.
        class_names: its classes.
        last_layer: the model's own weights of that layer, by name.
    """

    run: RunFolder
    class_names: Sequence[str]
    last_layer: dict[str, Tensor]

    def keep_last_layer(self, model: nn.Module, class_names: Sequence[str]) -> None:
        """Give the model its own last layer back, unless its classes are those of the run."""
        kept = "all weights"
        if [*class_names] != [*self.class_names]:
            model.load_state_dict(self.last_layer, strict=False)
            kept = "all weights but the last layer's, which was of other classes,"
        say(f"{self.run.path}: {kept} are taken")


def start_from(model: LightningModule, run: RunFolder) -> Pretrained:
    """Fill a model with a run's best weights.

    Args:
        model: an ImageClassifier of the run's variant, as wide and for images as large.
        run: a run folder, or one of `export --format hub`.

    Raises:
        UserError: the run has no checkpoint, is of another variant, or does not fit.
    """
    checkpoint = run.read("best")
    theirs, mine = variant_of(checkpoint), type(model).__name__
    if theirs != mine:
        raise UserError(f"--pretrained: {run.path} is of {theirs}, the model is {mine}")
    weights, arguments = checkpoint["state_dict"], checkpoint["hyper_parameters"]
    ends = nn.Linear | nn.Conv2d  # SqueezeNet's logits are a convolution's
    *_, last = (name for name, layer in model.named_modules() if isinstance(layer, ends))
    state = model.state_dict().items()
    own = {name: each.clone() for name, each in state if name.startswith(f"{last}.")}
    if any(weights[name].shape != each.shape for name, each in own.items() if name in weights):
        weights = weights | own
        arguments = {name: value for name, value in arguments.items() if name != "num_classes"}
    content = {"state_dict": weights, "hyper_parameters": arguments}
    load_weights(model, content, f"--pretrained: {run.path}")
    return Pretrained(run, checkpoint["preprocessing"]["class_names"], own)
