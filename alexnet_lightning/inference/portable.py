"""A trained network in operations that every runtime has, with or without its preprocessing."""

from copy import deepcopy

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alexnet_lightning.inference.predictor import Predictor, Preprocessing


class Portable(nn.Module):
    """Images to logits (N, K), on the CPU.

    Args:
        predictor: whose network is copied.
        preprocessing: whether it takes decoded images, uint8 (N, C, size, size), and crops their
            center view; else it takes the network's input, float32 (N, C, crop, crop).
    """

    def __init__(self, predictor: Predictor, preprocessing: bool) -> None:
        super().__init__()
        self.prepare = CentreView(predictor.preprocessing) if preprocessing else nn.Identity()
        network = deepcopy(predictor.model.network).cpu().eval()
        # Runtimes choose their own memory layout, and torch.export does not keep channels_last.
        self.network = network.to(memory_format=torch.contiguous_format)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network(self.prepare(images))
        return logits


class CentreView(nn.Module):
    """The center view of `Preprocessing.views`: uint8 (N, C, size, size) to (N, C, crop, crop)."""

    scale: Tensor
    shift: Tensor

    def __init__(self, preprocessing: Preprocessing) -> None:
        super().__init__()
        start = round((preprocessing.resize - preprocessing.crop) / 2)
        self.window = slice(start, start + preprocessing.crop)
        self.resize: nn.Module | None = None
        if preprocessing.resize != preprocessing.size:
            self.resize = CropAndResize(preprocessing.size, preprocessing.resize, self.window)
        std, mean = torch.tensor(preprocessing.std)[:, None, None], preprocessing.mean
        if not isinstance(mean, Tensor):
            mean = torch.tensor(mean)[:, None, None]
        self.register_buffer("scale", preprocessing.pixel_max / (255 * std))
        self.register_buffer("shift", -mean / std * preprocessing.pixel_max)

    def forward(self, images: Tensor) -> Tensor:
        window = self.window
        crops = self.resize(images) if self.resize else images[..., window, window]
        return crops.float() * self.scale + self.shift


class CropAndResize(nn.Module):
    """A window of resized images, bit-identical to torch's resize of uint8 on a CPU.

    y = round(A · round(x · Aᵀ)), with A in torch's fixed point, the largest weight in 15 bits.
    Interpolation in floating point would not round the rows, which changes a fifth of all pixels
    by one, and runtimes differ in it.

    Source: `_compute_index_ranges_int16_weights` in torch's aten/native/cpu/UpSampleKernel.cpp,
    after Pillow.

    Args:
        size, resize: sides in pixels of the images, and of the resized ones.
        window: of the resized images.
    """

    weights: Tensor

    def __init__(self, size: int, resize: int, window: slice) -> None:
        super().__init__()
        one_by_one = torch.eye(size, dtype=torch.float64)[None, None]
        fractions = F.interpolate(one_by_one, (resize, size), mode="bilinear", antialias=True)[0, 0]
        bits = next(bits for bits in range(22, 0, -1) if fractions.max() * 2**bits + 0.5 < 2**15)
        whole = (fractions[window] * 2**bits + 0.5).floor()
        # Sums of whole numbers below 2²⁴ are exact in float32, in any order.
        self.register_buffer("weights", (whole / 2**bits).float())

    def forward(self, images: Tensor) -> Tensor:
        # Round half up, as torch does here; `torch.round` rounds half to even.
        rows = (images.float() @ self.weights.T + 0.5).floor()
        return (self.weights @ rows + 0.5).floor()
