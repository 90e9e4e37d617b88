"""A trained network in operations that every runtime has, with its preprocessing or without."""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet_lightning.inference.predictor import Predictor
from alexnet_lightning.inference.preprocessing import Preprocessing


class Portable(nn.Module):
    """Images to logits (N, K), on the CPU.

    Args:
        predictor: whose network is copied.
        preprocessing: whether images are the predictor's decoded pictures, uint8 (N, C, size,
            size), of which the centre view is taken; else they are the network's input, float32
            (N, C, crop, crop).
    """

    def __init__(self, predictor: Predictor, preprocessing: bool) -> None:
        super().__init__()
        self.prepare = CentreView(predictor.preprocessing) if preprocessing else nn.Identity()
        network = deepcopy(predictor.model.network).cpu().eval()
        # Runtimes lay weights out themselves; torch's own format keeps no other order of axes well.
        self.network = network.to(memory_format=torch.contiguous_format)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(self.prepare(images))
        return logits


class CentreView(nn.Module):
    """The centre view of `Preprocessing.views`: uint8 (N, C, size, size) to (N, C, crop, crop)."""

    scale: Tensor
    shift: Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        start = round((preprocessing.resize - preprocessing.crop) / 2)
        window = slice(start, start + preprocessing.crop)
        self.cut: nn.Module = Cut(window)
        if preprocessing.resize != preprocessing.size:
            self.cut = CutAndResize(preprocessing.size, preprocessing.resize, window)
        std = torch.tensor(preprocessing.std)[:, None, None]
        mean = preprocessing.mean
        if not isinstance(mean, Tensor):
            mean = torch.tensor(mean)[:, None, None]
        self.register_buffer("scale", preprocessing.pixel_max / (255 * std))
        self.register_buffer("shift", -mean / std * preprocessing.pixel_max)

    def forward(self, images: Tensor) -> Tensor:
        pixels: Tensor = self.cut(images)
        return pixels.float() * self.scale + self.shift


class Cut(nn.Module):
    """A window of images, the same of rows and of columns."""

    def __init__(self, window: slice) -> None:
        super().__init__()
        self.window = window

    def forward(self, images: Tensor) -> Tensor:
        return images[..., self.window, self.window]


class CutAndResize(nn.Module):
    """A window of resized images, to the bit what torch's resize of uint8 on a CPU gives.

    y = round(A · round(x · Aᵀ)), with A as torch has it: in fixed point, the largest weight in 15
    bits. To interpolate in fractions would change a fifth of all pixels by one, since the rows are
    not rounded then; runtimes differ in that.

    Source: `_compute_index_ranges_int16_weights` in torch's aten/native/cpu/UpSampleKernel.cpp,
    after Pillow.

    Args:
        size: side of the images in pixels.
        resize: side that they are resized to.
        window: of the resized images.
    """

    weights: Tensor

    def __init__(self, size: int, resize: int, window: slice) -> None:
        super().__init__()
        one_by_one = torch.eye(size, dtype=torch.float64)[None, None]
        fractions = F.interpolate(one_by_one, (resize, size), mode="bilinear", antialias=True)[0, 0]
        bits = next(bits for bits in range(22, 0, -1) if fractions.max() * 2**bits + 0.5 < 2**15)
        whole = (fractions[window] * 2**bits + 0.5).floor()
        # Sums of whole numbers below 2²⁴ are exact in float32, whatever their order.
        self.register_buffer("weights", (whole / 2**bits).float())

    def forward(self, images: Tensor) -> Tensor:
        rows = rounded(images.float() @ self.weights.T)
        return rounded(self.weights @ rows)


def rounded(pixels: Tensor) -> Tensor:
    """Round half up, which torch does here and `torch.round` does not."""
    return (pixels + 0.5).floor()
