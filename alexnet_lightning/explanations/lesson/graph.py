"""A trained network as an ONNX graph that also gives what the page shows of an image."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet_lightning.explanations.layers import MAPS, stages
from alexnet_lightning.inference.exporters import CentreView
from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.networks.base import ConvNet
from alexnet_lightning.networks.layers import GlobalMaxPool
from alexnet_lightning.system.errors import UserError

TOP = 5  # classes
TOLERANCE = 1e-4  # of a probability
OUTPUTS = ("view", "classes", "probabilities", "heat")  # and the maps of each stage, by its layer
PREFIX = "seen."  # of outputs' names: exporters give values within the graph names such as "view"


class Stage(NamedTuple):
    """A stage of the network: its last layer, and the shape (C, H, W) of its maps."""

    layer: str
    shape: tuple[int, ...]


class Seen(nn.Module):
    """Pixels of one image to what the page shows of it, on the CPU, by a copy of a network.

    The input is the decoded image, uint8 (size, size, 3), gray or not. The outputs are

    view: what the network sees, 0 to 255, float32 (C, crop, crop).
    classes, probabilities: the K <= `TOP` most probable classes, the most probable first, (K,).
    heat: their Grad-CAM, 0 to 1, (K, crop, crop); equal to `layers.grad_cam` of these classes.
    one per stage: its M <= `MAPS` strongest maps, the strongest first, 0 to 1, (M, H, W); equal to
        `layers.draw_maps`.

    Grad-CAM weighs a map A_c by the mean over positions of the logit's gradient with respect to it.
    Where global max pooling and one linear layer s · W follow the maps, the gradient is s · W_kc at
    the largest position and zero elsewhere, so the weight is s · W_kc / (H · W): no gradient is
    needed, and the positive factor is the same for all classes and cancels in the scale.
    """

    network: ConvNet

    def __init__(self, predictor: Predictor, kept: list[str]) -> None:
        super().__init__()
        self.channels, self.kept = predictor.preprocessing.channels, kept
        self.prepare = CentreView(predictor.preprocessing)
        network = deepcopy(predictor.model.network).cpu().eval()
        assert isinstance(network, ConvNet)  # see `shown_stages`
        self.network = network.to(memory_format=torch.contiguous_format)
        self.count = min(TOP, len(predictor.class_names))

    def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
        view = self.prepare.crops(self.decoded(pixels))
        maps, strongest = self.prepare.normalised(view), []
        for name, layer in self.network.features.named_children():
            maps = layer(maps)
            if name in self.kept:
                strongest.append(strongest_maps(maps[0]))
        logits = self.network.forward_head(maps)[0]
        probabilities, classes = logits.softmax(0).topk(self.count)
        (last,) = self.network.classifier
        assert isinstance(last, nn.Linear)
        coarse = F.relu(torch.einsum("kc,chw->khw", last.weight[classes], maps[0]))
        heat = F.interpolate(coarse[None], view.shape[-2:], mode="bilinear")[0]
        peak = heat.max()
        heat = heat / torch.where(peak > 0, peak, 1.0)
        return view[0], classes.int(), probabilities, heat, *strongest

    def decoded(self, pixels: Tensor) -> Tensor:
        """Return the pixels as `Preprocessing.decode` does, (1, channels, size, size)."""
        image = pixels.permute(2, 0, 1)[None]
        if self.channels == 3:
            return image
        weights = torch.tensor([299.0, 587.0, 114.0])[:, None, None] / 1000
        return (image * weights).sum(dim=1, keepdim=True).round()


def strongest_maps(maps: Tensor) -> Tensor:
    """Return the strongest of the maps (C, H, W), with negative values as zero, 0 to 1."""
    positive = maps.clamp_min(0)
    order = positive.mean(dim=(1, 2)).topk(min(MAPS, len(maps))).indices
    chosen = positive[order]
    return chosen / chosen.max().clamp_min(1e-12)


def shown_stages(predictor: Predictor) -> list[Stage]:
    """Return the stages whose maps are shown; UserError if Grad-CAM would need a gradient."""
    network, kept = predictor.model.network, predictor.preprocessing
    name = type(predictor.model).__name__
    head = list(network.classifier) if isinstance(network, ConvNet) else []
    pooled = isinstance(network, ConvNet) and isinstance(network.avgpool, GlobalMaxPool)
    if not (pooled and len(head) == 1 and isinstance(head[0], nn.Linear)):
        raise UserError(
            f"--network: {name} does not end in global max pooling and one linear layer, from "
            "which the page computes Grad-CAM; give a run of AlexNetModern or Airbench94"
        )
    blank = torch.zeros(1, kept.channels, kept.crop, kept.crop, device=predictor.device)
    found = [Stage(layer, tuple(maps.shape)) for layer, maps in stages(network, blank).items()]
    with torch.no_grad():
        last = network.eval().forward_features(blank)
    if last.shape[-1] == 1:
        raise UserError(
            f"--network: this {name} sees {kept.crop} px and ends in maps of 1 × 1, which have no "
            "positions for Grad-CAM; give a run on larger images"
        )
    return found


def write_graph(predictor: Predictor, kept: list[Stage], path: Path) -> None:
    """Write the graph as ONNX; UserError if a package is missing or the network has no graph."""
    try:
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(f"needs {error.name}: pip install 'alexnet-lightning[use]'") from None
    size = predictor.preprocessing.size
    module = Seen(predictor, [stage.layer for stage in kept]).eval()
    outputs = [f"{PREFIX}{name}" for name in (*OUTPUTS, *module.kept)]
    names: Any = {"input_names": ["pixels"], "output_names": outputs}
    try:
        with torch.no_grad():
            pixels = torch.zeros(size, size, 3, dtype=torch.uint8)
            program = torch.export.export(module, (pixels,))
            torch.onnx.export(program, (), path, **names, external_data=False, verbose=False)
    except Exception as error:  # a tracer can raise anything
        reason = str(error.__cause__ or error).strip().partition("\n")[0]
        raise UserError(
            f"--network: {type(predictor.model).__name__} cannot be exported: {reason}"
        ) from error


def check_graph(predictor: Predictor, path: Path, images: Tensor) -> float:
    """Return the largest difference of the graph's probabilities from the predictor's.

    `images` are uint8 (N, 3, size, size). UserError if it is above `TOLERANCE`.
    """
    from onnxruntime import InferenceSession

    session, most = InferenceSession(path, providers=["CPUExecutionProvider"]), 0.0
    for image in images:
        names = [f"{PREFIX}{name}" for name in ("classes", "probabilities")]
        pixels = image.permute(1, 2, 0).contiguous().numpy()
        classes, found = session.run(names, {"pixels": pixels})
        expected = predictor.probabilities(predictor.preprocessing.decode(image)[None])[0]
        most = max(most, (torch.from_numpy(found) - expected[classes]).abs().max().item())
    if not most <= TOLERANCE:
        raise UserError(
            f"not written: the probabilities of the page's graph differ by {most:.2g} from the "
            "network's; give another network"
        )
    return most
