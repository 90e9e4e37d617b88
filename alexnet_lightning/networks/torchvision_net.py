"""Any classification model of torchvision, to compare AlexNet with: ResNet, MobileNet, …"""

from difflib import get_close_matches
from typing import Any

import torch
from torch import Tensor, nn

WITH_AUXILIARY_HEADS = ("googlenet", "inception_v3")


class TorchvisionNet(nn.Module):
    """A model of torchvision with random weights, fitted to the data, with two places to look at.

    Source: `torchvision.models`, unchanged but for the first layer, the size of the last, and the
    auxiliary heads of the Inception models, which are left out.

    Args:
        name: as in `torchvision.models.list_models()`, for instance "resnet18".
        num_classes: units of the last layer, at least 2.
        in_channels: channels of the images; for other than 3 the first convolution is a new one.
        image_size: side of the images in pixels.
        small_stem: for images of 32 px: the first convolution becomes 3 × 3 with stride 1, and a
            max pool that directly follows it is left out.

    Raises:
        ValueError: torchvision has no such model, its first layer cannot be made small, or it
            cannot take images of this size.
    """

    def __init__(
        self,
        name: str,
        num_classes: int,
        in_channels: int = 3,
        image_size: int = 224,
        small_stem: bool = False,
    ) -> None:
        super().__init__()
        self.model = build(name, num_classes, image_size)
        if in_channels != 3 or small_stem:
            adapt_stem(self.model, name, in_channels, small_stem)
        self.trunk_name, self.trunk_side = trunk_tap(self.model)
        self.head_name = last_layer(self.model)
        check_size(self.model, name, in_channels, image_size)

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images)

    @property
    def head(self) -> nn.Module:
        """The last layer."""
        return self.model.get_submodule(self.head_name)

    def embed(self, images: Tensor) -> dict[str, Tensor]:
        """Return both embedding spaces, a row an image.

        "features" (N, D) is what the model's global pooling reads, or where it has no such layer
        the output of the trunk; "penultimate" (N, D') the input of the last layer. Of SqueezeNet,
        which ends in a convolution, that is the mean over all positions.
        """
        seen: dict[str, Tensor] = {}

        def watch(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            maps = inputs[0] if self.trunk_side == "input" else output
            seen["features"] = maps.flatten(1).clone()  # DenseNet goes on in place

        def watch_head(_: nn.Module, inputs: tuple[Tensor, ...], __: Tensor) -> None:
            rows = inputs[0]
            seen["penultimate"] = rows.mean((2, 3)) if rows.ndim == 4 else rows

        trunk = self.model.get_submodule(self.trunk_name)
        hooks = [trunk.register_forward_hook(watch), self.head.register_forward_hook(watch_head)]
        try:
            self.model(images)
        finally:
            for hook in hooks:
                hook.remove()
        return seen


def build(name: str, num_classes: int, image_size: int) -> nn.Module:
    """Return the model as torchvision initialises it."""
    # Not at the top: importing torchvision takes longer than all of this package.
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        close = ", ".join(get_close_matches(name, known)) or "resnet18, mobilenet_v3_small, …"
        raise ValueError(f"torchvision has no classification model named {name}; it has {close}")
    options: dict[str, Any] = {}
    if name in WITH_AUXILIARY_HEADS:
        options = {"aux_logits": False, "init_weights": True}
    elif name.startswith("vit_"):
        options = {"image_size": image_size}
    elif name.startswith("maxvit_"):
        options = {"input_size": (image_size, image_size)}
    try:
        return models.get_model(name, weights=None, num_classes=num_classes, **options)
    except (ValueError, RuntimeError, AssertionError) as error:
        reason = str(error)
    # Outside of the handler: the commands print the innermost of errors that were raised in a row.
    raise ValueError(f"{name} cannot take images of {image_size} px: {reason}")


def adapt_stem(model: nn.Module, name: str, in_channels: int, small: bool) -> None:
    """Put another first convolution in its place, of the same width."""
    leaves = [(key, layer) for key, layer in model.named_modules() if not list(layer.children())]
    first, (key, old) = next(
        (place, leaf) for place, leaf in enumerate(leaves) if isinstance(leaf[1], nn.Conv2d)
    )
    assert isinstance(old, nn.Conv2d)
    if small and old.kernel_size[0] <= old.stride[0]:
        raise ValueError(
            f"small_stem: {name} begins by cutting the image into patches of {old.stride[0]} px, "
            "which is no stem to make small; use larger images or a model that convolves"
        )
    if small and old.stride[0] == 1:
        raise ValueError(f"small_stem: the first layer of {name} has stride 1 as it is")
    new = nn.Conv2d(
        in_channels,
        old.out_channels,
        kernel_size=3 if small else old.kernel_size,  # type: ignore[arg-type]
        stride=1 if small else old.stride,  # type: ignore[arg-type]
        padding=1 if small else old.padding,  # type: ignore[arg-type]
        bias=old.bias is not None,
    )
    # As torchvision does in ResNet, VGG, MobileNet and EfficientNet.
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    model.set_submodule(key, new)
    if not small:
        return
    for key, layer in leaves[first + 1 :]:
        if isinstance(layer, nn.MaxPool2d):
            model.set_submodule(key, nn.Identity())
        if not isinstance(layer, nn.BatchNorm2d | nn.ReLU):
            return


def trunk_tap(model: nn.Module) -> tuple[str, str]:
    """Return the layer at which the trunk ends, and which side of it: "input" or "output"."""
    children = dict(model.named_children())
    if "avgpool" in children:
        return "avgpool", "input"
    names = list(children)
    last = names[names.index(last_layer(model).split(".")[0]) - 1]
    stage = children[last]
    if isinstance(stage, nn.ModuleList):  # MaxViT's stages, which are called one by one
        last = f"{last}.{len(stage) - 1}"
    return last, "output"


def last_layer(model: nn.Module) -> str:
    """Return the name of the last fully connected layer, or of SqueezeNet's last convolution."""
    modules = list(model.named_modules())
    linear = [name for name, layer in modules if isinstance(layer, nn.Linear)]
    return (linear or [name for name, layer in modules if isinstance(layer, nn.Conv2d)])[-1]


def check_size(model: nn.Module, name: str, in_channels: int, image_size: int) -> None:
    """Raise a ValueError if an image does not come through, found without computing anything."""
    tensors = {**dict(model.named_parameters()), **dict(model.named_buffers())}
    shapes = {key: torch.empty_like(tensor, device="meta") for key, tensor in tensors.items()}
    image = torch.empty(1, in_channels, image_size, image_size, device="meta")
    try:
        with torch.no_grad():
            torch.func.functional_call(model.eval(), shapes, image)
        return
    except (RuntimeError, AssertionError) as error:
        reason = str(error)
    finally:
        model.train()
    raise ValueError(f"{name} cannot take images of {image_size} px: {reason}")
