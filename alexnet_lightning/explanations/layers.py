"""What the layers of a network see: kernels, feature maps, and the regions that raise a class."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet_lightning.explanations.images import ShownImages, brief, grid_of, notice, percent, show
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.networks.base import Network
from alexnet_lightning.networks.inspect import evaluating
from alexnet_lightning.networks.layers import Whitening
from alexnet_lightning.plots.style import new_figure
from alexnet_lightning.system.errors import UserError
from alexnet_lightning.training.classifier import ImageClassifier

if TYPE_CHECKING:
    from captum.attr import LayerGradCam
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

KERNELS = 96  # as in the paper's figure 3
MAPS = 12  # of a stage
CLASSES = 3  # the most probable ones


class NoPositionsError(UserError):
    """Grad-CAM of a network whose last maps do not say where in the image they are."""


def first_kernels(network: nn.Module) -> Tensor:
    """Return what the first convolution weighs pixels with, (K, C, k, k)."""
    layer = next(each for each in network.modules() if isinstance(each, nn.Conv2d | Whitening))
    return layer.weight.detach().float().cpu()


def kernel_pixels(network: nn.Module) -> Tensor:
    """Return the first layer's first kernels as images, uint8 (K, C, k, k), K <= `KERNELS`.

    Each is scaled separately: its largest weight, of either sign, becomes white or black, or a
    saturated color, and a weight of zero becomes gray.
    """
    kernels = first_kernels(network)[:KERNELS]
    peaks = kernels.abs().amax(dim=(1, 2, 3), keepdim=True)
    return (127.5 * (1 + kernels / peaks.where(peaks > 0, 1.0))).round().byte()


def draw_kernels(network: nn.Module) -> Figure:
    """Return a figure of the first layer's kernels, as figure 3 of Krizhevsky et al. 2012.

    See `kernel_pixels` for the colors.
    """
    count, channels, side, _ = first_kernels(network).shape
    pixels = kernel_pixels(network)
    columns = min(16, max(8, math.ceil(math.sqrt(2 * len(pixels)))))
    rows = -(-len(pixels) // columns)
    with new_figure(0.55 * columns, 0.55 * rows + 0.5) as figure:
        figure.set_layout_engine("constrained", w_pad=0.02, h_pad=0.02)
        grid_of(figure, rows, columns, pixels, [])
        shown = f"{len(pixels)} of {count}" if count > len(pixels) else count
        figure.suptitle(f"First layer: {shown} kernels of {side} × {side} × {channels}")
    return figure


def stages(network: Network, image: Tensor) -> dict[str, Tensor]:
    """Return the maps (C', H, W) that leave each stage, by the name of its last layer, in order.

    A stage of an AlexNet is a convolution with what follows it up to the next one; of a model of
    torchvision, all layers whose maps have the same size. `image` is the input (1, C, T, T).
    """
    found: dict[str, tuple[str, Tensor]] = {}

    def note(name: str, stage: str | None, _: nn.Module, __: Any, output: Any) -> None:
        if isinstance(output, Tensor) and output.ndim == 4 and output.shape[-1] > 1:
            key = stage or str(output.shape[-1])
            found[key] = (name, output[0].float().cpu().clone())  # the next may work in place

    hooks = [
        layer.register_forward_hook(partial(note, name, stage))
        for name, stage, layer in network.stage_layers()
    ]
    try:
        with torch.no_grad(), evaluating(network):
            network.forward(image)
    finally:
        for hook in hooks:
            hook.remove()
    return dict(found.values())


def draw_maps(predictor: Predictor, shown: ShownImages) -> Figure:
    """Return a figure with a row per stage: its strongest maps for the first of the images.

    All maps of a stage have one color scale; negative values are as dark as zero.
    """
    image, title = shown.images[:1], shown.titles[0]
    found = stages(predictor.model.network, predictor.inputs(image)[:, 0])
    if not found:
        return notice("Feature maps", "No layer of this network gives maps larger than 1 × 1.")
    with new_figure(0.85 * MAPS + 1.6, 0.98 * len(found) + 1.9) as figure:
        parts: Any = figure.subfigures(2, 1, height_ratios=[1.4, 0.98 * len(found)])
        show(parts[0].subplots(), predictor.preprocessing.centre(image)[0], brief(title))
        grid = parts[1].subplots(len(found), MAPS, squeeze=False)
        for line, (layer, maps) in zip(grid, found.items(), strict=True):
            strongest = maps[maps.clamp_min(0).mean(dim=(1, 2)).argsort(descending=True)[:MAPS]]
            scaled = strongest.clamp_min(0) / strongest.max().clamp_min(1e-12)
            words = f"{layer}\n{' × '.join(map(str, maps.shape))}"
            line[0].set_ylabel(words, rotation=0, ha="right", va="center", fontsize=9)
            for axes, part in zip(line, scaled, strict=False):
                show(axes, part)
            for axes in line[len(scaled) :]:
                axes.set_axis_off()
        title = f"The {MAPS} strongest feature maps of each stage, each stage scaled from 0 (dark)"
        figure.suptitle(f"{title}\nabove: {shown.kind}, as the network sees it")
    return figure


def grad_cam(model: ImageClassifier, images: Tensor, classes: Tensor) -> Tensor:
    """Return how much each position raises the logits of K classes, float32 (N, K, T, T), 0 to 1.

    relu(Σ_c w_c · A_c), with A_c the output maps of the backbone and w_c the mean over positions of
    the logit's gradient with respect to A_c (Selvaraju et al. 2017, arXiv:1610.02391), enlarged
    bilinearly and divided by the largest value of an image's K maps, so that these can be compared.
    Zero if nothing raises the logits.

    Args:
        model: of any variant, in any mode, which is kept.
        images: the network's input (N, C, T, T).
        classes: indices (N, K).

    Raises:
        UserError: captum is missing.
        NoPositionsError: the backbone ends in maps of 1 × 1, or without maps.
    """
    with evaluating(model):
        columns = [coarse_cam(model.network, images, column) for column in classes.unbind(1)]
    coarse = torch.cat(columns, dim=1)
    if coarse.shape[-2:].numel() == 1:
        raise NoPositionsError(
            "Grad-CAM cannot be drawn: this network's backbone ends in maps of 1 × 1, which have "
            "no positions; larger images give larger maps"
        )
    maps = F.interpolate(coarse, images.shape[-2:], mode="bilinear")
    peaks = maps.amax(dim=(1, 2, 3), keepdim=True)
    return (maps / peaks.where(peaks > 0, 1.0)).cpu()


def coarse_cam(network: Network, images: Tensor, classes: Tensor) -> Tensor:
    """Return Grad-CAM (N, 1, H, W) at the size of the backbone's output maps."""
    try:
        from captum.attr import LayerGradCam
    except ImportError:
        raise UserError("Grad-CAM needs captum: pip install 'alexnet-lightning[use]'") from None
    layer, of_input = network.backbone_end()
    # Not network itself: a compiled one would be recompiled for the hooks.
    method: LayerGradCam = LayerGradCam(network.forward, layer)
    options: Any = {"attribute_to_layer_input": of_input, "relu_attributions": True}
    inputs = images.detach().requires_grad_()  # even if the backbone is frozen
    attributions = method.attribute(inputs, target=classes, **options)
    assert isinstance(attributions, Tensor)
    if attributions.ndim != 4:
        raise NoPositionsError(
            "Grad-CAM needs maps at the end of the backbone, and this network has none"
        )
    return attributions.detach().float()


def draw_grad_cam(predictor: Predictor, shown: ShownImages) -> Figure:
    """Return a figure with a row per image: the network's view, and Grad-CAM of its top classes.

    A row has one color scale. Where there are no positions, the figure says so.
    """
    views = predictor.preprocessing.centre(shown.images)
    inputs = predictor.inputs(shown.images)[:, 0]
    names = predictor.class_names
    values, classes = predictor.probabilities(shown.images).topk(min(CLASSES, len(names)))
    title = "Regions that raise the most probable classes (Grad-CAM)"
    try:
        heat = grad_cam(predictor.model, inputs, classes)
    except NoPositionsError as error:
        return notice(title, str(error))
    count = classes.shape[1]
    with new_figure(1.9 * (1 + count) + 0.8, 2 * len(views) + 0.7) as figure:
        grid = figure.subplots(len(views), 1 + count, squeeze=False)
        for row, line in enumerate(grid):
            show(line[0], views[row], brief(shown.titles[row]))
            found = zip(
                line[1:], heat[row], classes[row].tolist(), values[row].tolist(), strict=True
            )
            for axes, maps, index, value in found:
                colours = overlay(axes, views[row], maps, percent(names[index], value))
        label = "Grad-CAM (fraction of the row's largest)"
        figure.colorbar(colours, ax=grid, label=label, aspect=40, shrink=min(1, 3 / len(views)))
        figure.suptitle(f"{title}\nleft: {shown.kind}; then predicted class, probability")
    return figure


def overlay(axes: Axes, image: Tensor, heat: Tensor, caption: str) -> AxesImage:
    """Draw an image (C, T, T) of 0-255 with a map (T, T) of 0-1 over it; return the map."""
    show(axes, image, caption)
    return axes.imshow(heat.numpy(), cmap="inferno", vmin=0, vmax=1, alpha=0.6)
