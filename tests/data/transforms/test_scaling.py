"""One multiply-add for all of normalisation."""

import pytest
import torch

from alexnet_lightning.data.batches import seeded
from alexnet_lightning.data.transforms.scaling import multiply_add


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shift_shape", ["C11", "CHW", "NC11", "NCHW"])
def test_it_is_the_formula(
    channels: int, dtype: torch.dtype, layout: torch.memory_format, shift_shape: str
) -> None:
    sides = {"N": 4, "C": channels, "H": 6, "W": 5, "1": 1}
    generator = seeded("cpu", 0)
    images = torch.randint(0, 256, (4, channels, 6, 5), generator=generator)
    images = images.to(dtype).contiguous(memory_format=layout)
    before = images.clone()
    scale = torch.rand(channels, 1, 1, generator=generator)
    shift = torch.rand([sides[letter] for letter in shift_shape], generator=generator)

    result = multiply_add(images, scale, shift)
    expected = images.double() * scale + shift
    assert result.dtype == torch.float32
    assert torch.allclose(result.double(), expected, rtol=1e-6)
    assert result.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(images, before)


def test_large_batches_too() -> None:
    images = torch.full((8, 3, 224, 224), 2, dtype=torch.uint8)
    scale, shift = torch.tensor([1.0, 2.0, 3.0])[:, None, None], torch.ones(3, 1, 1)
    result = multiply_add(images, scale, shift)
    assert result.amin((0, 2, 3)).tolist() == result.amax((0, 2, 3)).tolist() == [3.0, 5.0, 7.0]
