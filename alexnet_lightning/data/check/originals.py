"""The files that a data set was made of: their sizes and kinds, by their first bytes alone."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tqdm import tqdm


@dataclass
class Originals:
    """What the headers of image files say.

    Args:
        sizes: how many files have which width and height in pixels.
        modes: how many have which of Pillow's modes: RGB, L (grey), P (palette), CMYK, ….
        examples: the first file of each mode.
    """

    sizes: Counter[tuple[int, int]] = field(default_factory=Counter)
    modes: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)


def originals(names: Iterable[str], count: int) -> Originals:
    """Return what the headers of these files say; names that are no image files are passed over.

    Args:
        names: of images; `count` of them.
    """
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
        except OSError:  # changed since it was read; whether images can be read is told elsewhere
            continue
    return found
