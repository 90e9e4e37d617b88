"""The views of a test image, named without importing torch."""

from typing import Literal

# "centre"; the center and its mirror image; both, and both shifted by one pixel in two directions;
# four corners and the center, with their mirror images. Report 3's twenty views, ten crops and
# their mirror images, are these ten, twice.
Views = Literal["centre", "flip", "six", "ten"]
# Of the six, in their order: 1/2 for the center and 1/4 for each shift, half of it for each side
# (Jordan 2024, section 3.5). All others weigh the same.
SIX = (1 / 4, 1 / 8, 1 / 8, 1 / 4, 1 / 8, 1 / 8)
