"""Write a JPEG copy of a folder of images, as lossy copies of a data set are made.

    python benchmarks/jpeg_copy.py data/cifar10 data/jpeg/cifar10
    python -m alexnet_lightning.study --config configs/studies/jpeg.yaml

Quality 75 and chroma at half the resolution (4:2:0) are what Pillow and libjpeg use by default.
Names and folders stay; the suffix becomes .jpg. The copy is written beside its place and moved
there when it is whole. Last line: JSON with the number of images and the mean absolute error.
"""

import argparse
import json
import shutil
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from tqdm import tqdm

HALVED_CHROMA = 2  # Pillow's number for 4:2:0


def copy(source: Path, target: Path, quality: int) -> tuple[int, float]:
    """Write the copy; return the number of images and the mean absolute error, of 0 to 255."""
    paths = sorted(source.rglob("*.png"))
    if not paths:
        sys.exit(f"error: no PNG image in {source}: give a folder of lossless images")
    if target.exists():
        sys.exit(f"error: {target} is there already: give another folder, or delete it")
    part = target.with_name(f"{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    error = 0.0
    for path in tqdm(paths, unit="image", disable=None):
        to = (part / path.relative_to(source)).with_suffix(".jpg")
        to.parent.mkdir(parents=True, exist_ok=True)
        with Image.open(path) as image:
            original = image.convert("RGB")
        original.save(to, quality=quality, subsampling=HALVED_CHROMA)
        with Image.open(to) as lossy:
            error += float(np.abs(np.asarray(original, float) - np.asarray(lossy, float)).mean())
    part.rename(target)
    return len(paths), error / len(paths)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="folder of PNG images, with folders in it")
    parser.add_argument("target", type=Path, help="folder of the copy, which is made")
    parser.add_argument("--quality", type=int, default=75, help="of JPEG, 1 to 95 (default: 75)")
    given = parser.parse_args()
    images, error = copy(given.source, given.target, given.quality)
    print(json.dumps({"images": images, "mean_absolute_error": round(error, 3)}))


if __name__ == "__main__":
    main()
