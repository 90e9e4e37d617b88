"""The report of check_data, as text and as JSON."""

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from alexnet_lightning.data.check.survey import Originals, Place, Survey, contradicts, crosses
from alexnet_lightning.data.transforms.statistics import PixelStatistics
from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.text import short

LISTED = 20  # up to so many classes, a table has a line for each
MEMBERS = 4  # images listed per group of copies
KINDS = {  # of duplicates, by (in several splits, in several classes); the worst first
    (True, True): "in several splits, under several classes",
    (True, False): "in several splits",
    (False, True): "in one split, under several classes",
    (False, False): "in one split and class",
}


def report(
    found: Survey,
    files: Originals,
    class_names: Sequence[str],
    limit: int,
    ignored: Sequence[str] = (),
    train_images: int | None = None,
) -> str:
    """Return all sections, with at most `limit` entries per list.

    All images are reported, also where a training takes `train_images` of them.
    """
    taken = f"data.train_images: a training takes {train_images:,} of the" if train_images else ""
    sections = [
        counts_table(found, class_names),
        taken and f"{taken} {len(found.splits['train']):,} training images; all are checked here",
        listing("few or many images", odd_classes(found, class_names), limit),
        listing("cannot be read", list(found.faults.values()), limit),
        listing("nearly black: 16 bits, but no value above 4095", files.dim, limit),
        listing("left out, being no images of a class", ignored, limit),
        *duplicates(found, class_names, limit),
        formats(files),
        pixels(found.statistics),
    ]
    return "\n\n".join(section for section in sections if section)


def problems(found: Survey, classes: int, nearly_black: int = 0) -> list[str]:
    """Return what is wrong with the data set, each with its number."""
    counted = {
        "unreadable": len(found.faults),
        "nearly black": nearly_black,
        "classes without images": sum(of.count(0) for of in found.counts(classes).values()),
        "duplicates": found.duplicates,
        "leaks between splits": found.leaks,
        "images under several classes": sum(map(len, filter(contradicts, found.copies))),
    }
    return [f"{what} {count:,}" for what, count in counted.items() if count]


def counts_table(found: Survey, class_names: Sequence[str]) -> str:
    """Return a line per class if there are few, else a line per split."""
    counts = found.counts(len(class_names))
    if len(class_names) <= LISTED:
        rows = [["class", *counts]]
        for name, *of in zip(class_names, *counts.values(), strict=True):
            rows.append([short(name), *(f"{count:,}" for count in of)])
        return aligned([*rows, ["all", *(f"{sum(of):,}" for of in counts.values())]])
    rows = [["split", "images", "classes", "fewest", "median", "most"]]
    for split, of in counts.items():
        fewest, most = (
            f"{count:,}"
            if min(of) == max(of)
            else f"{count:,} of {short(class_names[of.index(count)])}"
            for count in (min(of), max(of))
        )
        filled = f"{sum(map(bool, of)):,}"
        rows.append([split, f"{sum(of):,}", filled, fewest, f"{np.median(of):,g}", most])
    return aligned(rows)


def odd_classes(found: Survey, class_names: Sequence[str]) -> list[str]:
    """Return a line for each class with under half or over twice the median number of images."""
    lines = []
    for split, of in found.counts(len(class_names)).items():
        median = float(np.median(of))
        for name, count in zip(class_names, of, strict=True):
            if not median / 2 <= count <= median * 2:
                lines.append(f"{split}: {name} has {count:,}, the median is {median:,g}")
    return lines


def duplicates(found: Survey, class_names: Sequence[str], limit: int) -> Iterator[str]:
    """Yield a section for each kind of duplicates."""
    kinds: dict[tuple[bool, bool], list[str]] = defaultdict(list)
    for group in found.copies:
        kinds[crosses(group), contradicts(group)].append(members(found, group, class_names))
    for kind in KINDS:
        yield listing(f"duplicates {KINDS[kind]}", kinds[kind], limit)


def members(found: Survey, group: Sequence[Place], class_names: Sequence[str]) -> str:
    """Return a line for each copy: split, name and class."""
    lines = [f"{of.split:<5}  {found.name(of)}  {class_names[of.label]}" for of in group[:MEMBERS]]
    if len(group) > MEMBERS:
        lines.append(f"… {len(group) - MEMBERS:,} more")
    return "\n    ".join(lines)


def formats(files: Originals) -> str:
    """Return sizes and modes of the original files; nothing if there are no files."""
    if not files.sizes:
        return ""
    modes = ", ".join(
        f"{mode} {count:,}" + (f" (e.g. {files.examples[mode]})" if index else "")
        for index, (mode, count) in enumerate(files.modes.most_common())
    )
    title = f"files: {files.sizes.total():,}; modes: {modes}"
    if len(files.sizes) == 1:
        width, height = next(iter(files.sizes))
        return f"{title}; all of {width} × {height} px"
    rows = [["  pixels", "smallest", "5 %", "median", "95 %", "largest"]]
    for name, sides in zip(("width", "height"), zip(*files.sizes, strict=True), strict=True):
        every = np.repeat(sides, list(files.sizes.values()))
        quantiles = np.quantile(every, [0, 0.05, 0.5, 0.95, 1], method="nearest")
        rows.append([f"  {name}", *(f"{side:,}" for side in quantiles)])
    return f"{title}\n{aligned(rows)}"


def pixels(statistics: PixelStatistics) -> str:
    """Return mean and standard deviation as a config takes them, and the principal components."""
    lines = [f"  {name}: {json.dumps(of)}" for name, of in rounded(statistics).items()]
    title = "training pixels in 0-1; mean and std can be used under data in a config"
    comment = "  # of the covariance of the colors; one eigenvector per row"
    return "\n".join([title, *lines[:2], comment, *lines[2:]])


def rounded(statistics: PixelStatistics) -> dict[str, Any]:
    """Return the statistics as rounded numbers; one eigenvector per row."""
    rows = statistics._replace(eigenvectors=statistics.eigenvectors.T)._asdict()
    digits = {"eigenvalues": 6}
    return {of: np.round(rows[of].numpy(), digits.get(of, 4)).tolist() for of in rows}


def listing(title: str, entries: Sequence[str], limit: int) -> str:
    """Return a title with the number of entries, and the first of them; nothing if empty."""
    if not entries:
        return ""
    lines = [f"{title}: {len(entries):,}", *(f"  - {entry}" for entry in entries[:limit])]
    if len(entries) > limit:
        lines.append(f"  … {len(entries) - limit:,} more: --list N shows N, --json FILE writes all")
    return "\n".join(lines)


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return a table: first column left-aligned, the others right-aligned."""
    first, *others = (max(map(len, column)) for column in zip(*rows, strict=True))
    return "\n".join(
        "  ".join([name.ljust(first), *map(str.rjust, cells, others)]) for name, *cells in rows
    )


def write_json(path: Path, found: Survey, files: Originals, class_names: Sequence[str]) -> None:
    """Write everything that was found as JSON."""
    counts = found.counts(len(class_names)).items()
    copies = [
        [
            {"split": place.split, "name": found.name(place), "class": class_names[place.label]}
            for place in group
        ]
        for group in found.copies
    ]
    sizes = [[*size, count] for size, count in files.sizes.most_common()]
    content = {
        "images": {split: dict(zip(class_names, of, strict=True)) for split, of in counts},
        "unreadable": found.faults,
        "nearly_black": files.dim,
        "duplicates": found.duplicates,
        "leaks": found.leaks,
        "copies": copies,
        "files": {"modes": dict(files.modes), "sizes": sizes},
        "pixels": rounded(found.statistics),
    }
    with replacing(path) as part:
        part.write_text(json.dumps(content, indent=1), encoding="utf-8")
