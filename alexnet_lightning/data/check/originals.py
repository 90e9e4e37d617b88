"""Sizes and color modes of a data set's image files, from their headers."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm


@dataclass
class Originals:
    """What the headers of the files say.

    Args:
        sizes: number of files by (width, height) in pixels.
        modes: number of files by Pillow mode: RGB, L (gray), P (palette), CMYK, ….
        examples: the first file of each mode.
    """

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)


def originals(names: Iterable[str], count: int) -> Originals:
    """Read the headers of `count` image files; names that are no image files are skipped."""
    from PIL import Image

    found = Originals()
    for name in tqdm(names, "headers of the files", count, delay=2, leave=False, disable=None):
        if not Path(name).is_file():
            continue
        try:
            with Image.open(name) as image:
                found.sizes[image.size] += 1
                found.modes[image.mode] += 1
                found.examples.setdefault(image.mode, name)
        except OSError:  # no image, which `survey` reports
            continue
    return found
