"""Ruled lines of a picture, painted over before its words are read.

Between the cells of a ruled table Tesseract takes a line for `|`, `(` or `/`, and a row for prose.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_LENGTH = 96  #: pixels at which a stroke is no letter's; type as high as that is a headline
_THICK = 12  #: pixels from which it is a letter of a headline, a bar or a filled cell all the same
_CONTRAST = 32  #: levels of grey between a line and the paper

Mask = NDArray[np.bool_]


def unruled(page: Any) -> Any:
    """The grey page without its long thin horizontal and vertical lines."""
    levels = np.asarray(page)
    paper = int(np.median(levels[::4, ::4]))
    ink = (levels < paper - _CONTRAST) | (levels > paper + _CONTRAST)
    solid = _runs(_runs(ink, _THICK).T, _THICK).T
    lines = (_runs(ink, _LENGTH) | _runs(ink.T, _LENGTH).T) & ~solid
    return Image.fromarray(np.where(lines, np.uint8(paper), levels)) if lines.any() else page


def _runs(ink: Mask, length: int) -> Mask:
    """The cells that lie in a horizontal run of `length` or more: an erosion, and a dilation of what it leaves."""
    if ink.shape[1] < length:
        return np.zeros_like(ink)
    starts, reach = ink, 1
    while reach < length:
        step = min(reach, length - reach)
        starts = starts[:, :-step] & starts[:, step:]
        reach += step
    runs = np.zeros_like(ink)
    runs[:, : starts.shape[1]] = starts
    reach = 1
    while reach < length:
        step = min(reach, length - reach)
        runs[:, step:] |= runs[:, :-step].copy()
        reach += step
    return runs
