"""The classification models of torchvision, to compare AlexNet with: ResNet, MobileNet, …"""

from collections.abc import Iterator
from copy import deepcopy
from difflib import get_close_matches
from itertools import chain, takewhile
from typing import Any, final

import torch
from torch import Tensor, nn

from alexnet_lightning.networks.base import Network
from alexnet_lightning.training.classifier import ImageClassifier


@final
class TorchvisionClassifier(ImageClassifier):
    """Any classification model of torchvision by its name: resnet18, mobilenet_v3_small, …

    Source: `torchvision.models`; report 3's ResNet-18, and the baselines it wished for.

    Args:
        name: as in `torchvision.models.list_models()`.
        num_classes: number of classes; set by the data.
        in_channels: channels of the images; set by the data.
        image_size: side of the images in pixels; set by the data.
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
        in_channels: int,
        image_size: int,
        small_stem: bool = False,
        **recipe: Any,
    ) -> None:
        network = TorchvisionNet(name, num_classes, in_channels, image_size, small_stem)
        super().__init__(network=network, num_classes=num_classes, **recipe)


class TorchvisionNet(Network):
    """A model of torchvision with random weights, adapted to the data.

    Its backbone ends where the global pooling begins, or if it has no such layer, before the stage
    of the last layer. Changed are the first layer and the size of the last; the auxiliary heads of
    the Inception models are left out. Arguments are those of `TorchvisionClassifier`.
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
        self.end_name, self.end_is_input = end_of_backbone(self.model)
        self.head_name = last_layer(self.model)
        check_size(self.model, name, in_channels, image_size)

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images)

    def forward_features(self, images: Tensor) -> Tensor:
        found: list[Tensor] = []

        def keep(_: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            # A copy, since DenseNet goes on in place.
            found.append((inputs[0] if self.end_is_input else output).clone())

        with self.model.get_submodule(self.end_name).register_forward_hook(keep):
            self.model(images)
        return found[-1]

    def forward_head(self, features: Tensor, pre_logits: bool = False) -> Tensor:
        skipped = [*self.backbone(), self.head_name] if pre_logits else list(self.backbone())
        model: Any = without(self.model, skipped)
        if features.ndim == 3:  # a vision transformer, whose head reads the class token
            return model.heads(features[:, 0])
        return model(features.clone())

    def backbone(self) -> Iterator[str]:
        """Yield the names of the model's children that form the backbone."""
        names = [name for name, _ in self.model.named_children()]
        end = self.end_name.split(".")[0]
        yield from takewhile(lambda name: name != end, names)
        if not self.end_is_input:
            yield end

    def backbone_end(self) -> tuple[nn.Module, bool]:
        return self.model.get_submodule(self.end_name), self.end_is_input

    def backbone_layers(self) -> list[nn.Module]:
        return [self.model.get_submodule(name) for name in self.backbone()]

    def stage_layers(self) -> Iterator[tuple[str, str | None, nn.Module]]:
        for name, layer in self.model.named_modules():
            yield name, None, layer


def without(model: nn.Module, names: list[str]) -> nn.Module:
    """Return a copy that shares the weights, where layers hand on their input unchanged."""
    shared = {id(tensor): tensor for tensor in chain(model.parameters(), model.buffers())}
    skipped: dict[int, nn.Module] = {}
    for layer in map(model.get_submodule, names):
        skipped[id(layer)] = nn.ModuleList() if isinstance(layer, nn.ModuleList) else nn.Identity()
    return deepcopy(model, {**shared, **skipped})


def build(name: str, num_classes: int, image_size: int) -> nn.Module:
    # Not at the top: importing torchvision takes longer than all of this package.
    from torchvision import models

    known = models.list_models(module=models)
    if name not in known:
        close = ", ".join(get_close_matches(name, known)) or "resnet18, mobilenet_v3_small, …"
        raise ValueError(f"torchvision has no classification model named {name}; it has {close}")
    options: dict[str, Any] = {}
    if name in ("googlenet", "inception_v3"):  # with auxiliary heads
        options = {"aux_logits": False, "init_weights": True}
    elif name.startswith("vit_"):
        options = {"image_size": image_size}
    elif name.startswith("maxvit_"):
        options = {"input_size": (image_size, image_size)}
    try:
        return models.get_model(name, weights=None, num_classes=num_classes, **options)
    except (ValueError, RuntimeError, AssertionError) as error:
        reason = str(error)
    # Outside of the handler: the commands print the innermost of chained errors.
    raise ValueError(f"{name} cannot take images of {image_size} px: {reason}")


def adapt_stem(model: nn.Module, name: str, in_channels: int, small: bool) -> None:
    """Replace the first convolution by another one of the same width."""
    leaves = [(key, layer) for key, layer in model.named_modules() if not list(layer.children())]
    first = next(n for n, (_, layer) in enumerate(leaves) if isinstance(layer, nn.Conv2d))
    key, old = leaves[first]
    assert isinstance(old, nn.Conv2d)
    if small and old.kernel_size[0] <= old.stride[0]:
        raise ValueError(
            f"small_stem: {name} begins by cutting the image into patches of {old.stride[0]} px, "
            "so its stem cannot be made small; use larger images or another model"
        )
    if small and old.stride[0] == 1:
        raise ValueError(f"small_stem: the first layer of {name} has stride 1 already")
    window: Any = (3, 1, 1) if small else (old.kernel_size, old.stride, old.padding)
    size, stride, padding = window
    biased = old.bias is not None
    new = nn.Conv2d(in_channels, old.out_channels, size, stride, padding, bias=biased)
    # As torchvision does in ResNet, VGG, MobileNet and EfficientNet.
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    model.set_submodule(key, new)
    after = leaves[first + 1 :]
    key, layer = next(leaf for leaf in after if not isinstance(leaf[1], nn.BatchNorm2d | nn.ReLU))
    if small and isinstance(layer, nn.MaxPool2d):
        model.set_submodule(key, nn.Identity())


def end_of_backbone(model: nn.Module) -> tuple[str, bool]:
    """Return the layer where the backbone ends, and whether before it (its input) or after."""
    children = dict(model.named_children())
    if "avgpool" in children:
        return "avgpool", True
    names = list(children)
    last = names[names.index(last_layer(model).split(".")[0]) - 1]
    stage = children[last]
    if isinstance(stage, nn.ModuleList):  # MaxViT's stages, which are called one by one
        last = f"{last}.{len(stage) - 1}"
    return last, False


def last_layer(model: nn.Module) -> str:
    """Return the name of the last fully connected layer, or of SqueezeNet's last convolution."""
    modules = list(model.named_modules())
    linear = [name for name, layer in modules if isinstance(layer, nn.Linear)]
    return (linear or [name for name, layer in modules if isinstance(layer, nn.Conv2d)])[-1]


def check_size(model: nn.Module, name: str, in_channels: int, image_size: int) -> None:
    """Raise a ValueError if the model cannot take such images; only shapes are computed."""
    tensors = chain(model.named_parameters(), model.named_buffers())
    shapes = {key: torch.empty_like(tensor, device="meta") for key, tensor in tensors}
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
