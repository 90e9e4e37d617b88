"""How a figure of this project looks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alexnet_lightning.system.atomic import replacing
from alexnet_lightning.system.text import short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Petroff 2021, arXiv:2107.02270: ten colors that color-blind readers tell apart.
COLOURS = (
    *("#3f90da", "#ffa90e", "#bd1f01", "#94a4a2", "#832db6"),
    *("#a96b59", "#e76300", "#b9ac70", "#717581", "#92dadd"),
)
MARKERS = "os^DvP<X>*"
DPI = 150


def color_and_marker(index: int) -> tuple[str, str]:
    """Return how the n-th of several is drawn; the first hundred all look different."""
    turn, place = divmod(index, len(COLOURS))
    return COLOURS[place], MARKERS[(place + turn) % len(MARKERS)]


def house_style() -> Any:
    """Matplotlib rc parameters of every figure."""
    from cycler import cycler

    return {
        "font.size": 11,
        "axes.titlesize": 12,
        "axes.labelsize": 11,
        "legend.fontsize": 10,
        "legend.frameon": False,
        "figure.titlesize": 13,
        "figure.constrained_layout.use": True,
        "figure.constrained_layout.w_pad": 0.08,
        "axes.prop_cycle": cycler(color=COLOURS),
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.color": "#e6e6e6",
        "text.parse_math": False,  # a class may be called "$1"
    }


def label(name: str) -> str:
    """Return a class name that can be drawn beside an axis, and in a legend."""
    text = short(drawable(name))
    return f" {text}" if text.startswith("_") else text  # which a legend would leave out


def drawable(name: str) -> str:
    """Return a name with escapes, as \\u732b, for what the font does not have."""
    known = glyphs()
    return "".join(
        char
        if ord(char) in known and char.isprintable()
        else char.encode("unicode_escape").decode()
        for char in name
    )


@cache
def glyphs() -> frozenset[int]:
    from matplotlib.font_manager import FontProperties, findfont, get_font

    return frozenset(get_font(findfont(FontProperties())).get_charmap())


@contextmanager
def new_figure(width: float, height: float) -> Iterator[Figure]:
    """An empty figure of `width` x `height` inches; draw it inside, in the house style.

    It belongs to no pyplot state, so that nothing outside (a notebook's backend) is touched.
    """
    # Imported here, as every heavy library in this room: `fit --help` must not pay for it.
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(house_style()):
        yield Figure(figsize=(width, height))


def write_png(figure: Figure, path: Path) -> None:
    """Write a figure in the house style; the file is either whole or not there."""
    import matplotlib

    # Ticks are made when the figure is drawn, by the style of that moment.
    with matplotlib.rc_context(house_style()), replacing(path) as part:
        figure.savefig(part, dpi=DPI)
