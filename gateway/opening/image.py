"""Pictures: their words by Tesseract where it is installed, and a plain "could not look" where it is not.

A picture that cannot hold a line of writing is opened either way: logos, rules and tracking pixels stand in every mail.
The engine is loaded once, by `warm`, because a confined worker may not read its language data.
"""

import os
import time
import warnings
from array import array
from collections.abc import Iterator, Sequence
from functools import cache
from glob import glob
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from PIL import AvifImagePlugin, Image, ImageChops, ImageOps, UnidentifiedImageError

from gateway.opening import imagenotes
from gateway.opening.layout import align
from gateway.opening.opener import Budget, CannotLookError, Leaf, Opening
from gateway.opening.reading import Reading
from gateway.opening.ruling import unruled
from gateway.opening.words import Word
from rules.verdict import Obstacle

os.environ.setdefault("OMP_THREAD_LIMIT", "1")  # without it recognition takes five times as long
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # a confined worker may start none
try:
    import tesserocr
except ImportError:
    tesserocr = None

FORMATS = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "AVIF", "JPEG2000")
PIXELS = 100_000_000  #: a message; some 25 pages of letter paper at 200 dots an inch
SECONDS = 120  #: of recognition, a message; a page of text takes two to five, a texture without any as much as twenty
SMALLEST = 150 * 150  #: pixels; without OCR, no readable list fits into less
NO_OCR = "no OCR is installed"

# Nine digits cross light and dark at least eighteen times in a row of pixels, and the smallest type is five rows high.
_CHANGES, _ROWS, _CONTRAST = 12, 5, 16
_SHARP = 1_500_000  #: pixels; smaller pictures are screen shots, whose type Tesseract reads better at twice the size
_LARGEST = 5000  #: pixels a side: letter paper at 450 dots an inch; more only costs time
_GAP = 0.7  #: of the height of a word; a common space is half of it at the most
_SURE = 80  #: confidence in percent of a word that a reviewer is shown as it stands on the picture
_DOUBTFUL = 60  #: mean confidence in percent under which the page may lie on its side

_DATA = ("/usr/share/tesseract-ocr/*/tessdata", "/usr/share/tessdata", "/usr/local/share/tessdata")


def open_image(leaf: Leaf, budget: Budget) -> Opening:
    """Every frame of a picture, and the words in its own fields."""
    reading = Reading(leaf)
    with reading.attempt("the image"):
        for number, frame in enumerate(frames(leaf.content, budget, reading), start=1):
            where = "image" if number == 1 else f"image {number}"
            with reading.attempt(where):
                reading.text(where, words_of(frame, budget))
    return reading.opening()


def frames(content: bytes, budget: Budget, reading: Reading) -> Iterator[Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            picture = Image.open(BytesIO(content), formats=FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise CannotLookError(Obstacle.LIMIT, "the image is too large") from error
    except (UnidentifiedImageError, Warning) as error:
        raise CannotLookError(Obstacle.CORRUPT, "the image is damaged") from error
    with picture:
        try:
            for number in range(getattr(picture, "n_frames", 1)):
                picture.seek(number)
                count_pixels(picture.size, budget)
                yield picture
        finally:
            with reading.attempt("what the image says of itself"):
                imagenotes.read_notes(picture, content, reading)


def count_pixels(size: tuple[int, int], budget: Budget) -> None:
    """Count a picture before it is decoded. Raises CannotLookError past the limit."""
    budget.pixels += max(size[0] * size[1], 1024)
    if budget.pixels > PIXELS:
        raise CannotLookError(Obstacle.LIMIT, f"more than {PIXELS} pixels of images")


def words_of(picture: Any, budget: Budget) -> str:
    """Text of a decoded Pillow image. Raises CannotLookError when it may hold text and there is no OCR, or no time."""
    page = flat(picture)
    if not may_hold_text(page):
        return ""
    engine = warm()
    if engine is None:
        if page.width * page.height <= SMALLEST:
            return ""
        raise CannotLookError(Obstacle.UNSUPPORTED, NO_OCR)
    return _recognise(engine, unruled(_sized(page)), budget)


def flat(picture: Any) -> Any:
    """Grey, on white where it is transparent, upright as its camera said."""
    picture = ImageOps.exif_transpose(picture)
    if picture.mode in {"P", "PA", "LA", "RGBA"} or "transparency" in picture.info:
        layer = picture.convert("RGBA")
        ground = Image.new("RGBA", layer.size, "white")
        # White writing on nothing shows only on a dark page.
        if layer.convert("RGB").convert("L").getextrema()[0] > 200:
            ground = Image.new("RGBA", layer.size, "black")
        return Image.alpha_composite(ground, layer).convert("L")
    if picture.mode.startswith(("I", "F")):
        low, high = picture.getextrema()
        scale = 255 / (high - low) if high > low else 0
        return picture.convert("F").point(lambda level: level * scale - low * scale).convert("L")
    return picture.convert("L")


def may_hold_text(page: Any) -> bool:
    """Whether five rows (or columns, for writing on its side) change as often between light and dark as a number."""
    width, height = page.size
    across = _changes(page, (0, 0, width - 1, height), (1, 0, width, height), (1, height), width - 1)
    down = _changes(page, (0, 0, width, height - 1), (0, 1, width, height), (width, 1), height - 1)
    return across >= _ROWS or down >= _ROWS


def _changes(page: Any, one: tuple[int, ...], other: tuple[int, ...], lines: tuple[int, int], length: int) -> int:
    """How many lines have so many changes."""
    if length < _CHANGES:
        return 0
    low, high = page.getextrema()
    contrast = max(_CONTRAST, (high - low) // 8)  # JPEG draws ripples around strong edges
    steps = ImageChops.difference(page.crop(one), page.crop(other)).point([0] * contrast + [1] * (256 - contrast))
    share = array("f", steps.convert("F").resize(lines, Image.Resampling.BOX).tobytes())
    return sum(mean * length >= _CHANGES - 0.5 for mean in share)


def _sized(page: Any) -> Any:
    width, height = page.size
    if width * height < _SHARP:
        return page.resize((width * 2, height * 2), Image.Resampling.LANCZOS)
    page.thumbnail((_LARGEST, _LARGEST))
    return page


@cache
def warm() -> Any:
    """The recognition engine, or None when Tesseract or its English data is missing."""
    if tesserocr is None:
        return None
    folders = [os.environ.get("TESSDATA_PREFIX", ""), *(folder for known in _DATA for folder in sorted(glob(known)))]  # noqa: PTH207 - a pattern in the middle of the path
    for folder in filter(None, folders):
        if (Path(folder) / "eng.traineddata").is_file():
            engine = tesserocr.PyTessBaseAPI(path=folder, lang="eng", psm=tesserocr.PSM.SINGLE_BLOCK)
            engine.SetVariable("preserve_interword_spaces", "1")  # gaps between columns
            # Its warnings: a confined worker can write no file, not even /dev/null, and Tesseract would crash.
            engine.SetVariable("debug_file", "")
            return engine
    return None


def _recognise(engine: Any, page: Any, budget: Budget) -> str:
    """Upright first; a page that makes little sense is turned, and the best reading wins."""
    best, confidence = _read(engine, page, budget)
    if confidence < _DOUBTFUL:
        for turn in (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_270, Image.Transpose.ROTATE_180):
            text, sure = _read(engine, page.transpose(turn), budget)
            if sure > confidence:
                best, confidence = text, sure
    return best


class Printed(NamedTuple):
    """A word on a picture; in pixels, so downwards is more."""

    sure: bool
    word: Word


def printed(page: Any, budget: Budget) -> list[Printed]:
    """The words of a grey picture with their places. Raises CannotLookError when it cannot be read upright."""
    engine = warm()
    if engine is None:
        raise CannotLookError(Obstacle.UNSUPPORTED, NO_OCR)
    sized = _sized(page.copy())
    tsv, confidence = _recognised(engine, unruled(sized), budget)
    if confidence < _DOUBTFUL:
        raise CannotLookError(Obstacle.UNSUPPORTED, "its writing cannot be read for certain")
    scale = page.width / sized.width
    words = []
    for row in tsv.splitlines():
        level, *_, left, top, width, height, sure, text = row.split("\t", 11)
        if level == "5" and text.strip():
            right, bottom = int(left) + int(width), int(top) + int(height)
            word = Word(int(left) * scale, right * scale, int(top) * scale, bottom * scale, text)
            words.append(Printed(float(sure) >= _SURE, word))
    return words


def _read(engine: Any, page: Any, budget: Budget) -> tuple[str, int]:
    tsv, confidence = _recognised(engine, page, budget)
    return _in_columns(tsv), confidence


def _recognised(engine: Any, page: Any, budget: Budget) -> tuple[str, int]:
    """Tesseract's table of words, and how sure it is of them on the whole.

    Raises CannotLookError when the message has no time left; asked for words after that, the engine would crash.
    """
    start = time.process_time()
    left = int((SECONDS - budget.recognising) * 1000)
    engine.SetImage(page)
    if left <= 0 or not engine.Recognize(left):
        engine.Clear()
        raise CannotLookError(Obstacle.TIMEOUT, f"reading the pictures takes more than {SECONDS} s")
    tsv = engine.GetTSVText(0)
    confidence = engine.MeanTextConf()
    engine.Clear()
    budget.recognising += time.process_time() - start
    return tsv, confidence


class _Word(NamedTuple):
    left: int
    right: int
    height: int
    text: str


def _in_columns(tsv: str) -> str:
    """Tesseract's words as lines whose columns stand under each other; its own spaces only guess at them."""
    lines: dict[tuple[str, ...], list[_Word]] = {}
    for row in tsv.splitlines():
        level, *place, _, left, _, width, height, _, text = row.split("\t", 11)
        if level == "5" and text.strip():
            line = lines.setdefault(tuple(place), [])
            line.append(_Word(int(left), int(left) + int(width), int(height), text))
    if not lines:
        return ""
    gap = _GAP * median(word.height for words in lines.values() for word in words)
    rows = [list(_segments(words, gap)) for words in lines.values()]
    texts = [[" ".join(word.text for word in segment) for segment in row] for row in rows]
    return align(texts, lambda row, column: (rows[row][column][0].left, rows[row][column][-1].right))


def _segments(words: Sequence[_Word], gap: float) -> Iterator[list[_Word]]:
    """Words with a common space between them belong together; a wider gap parts columns."""
    segment: list[_Word] = []
    for word in words:
        if segment and word.left - segment[-1].right > gap:
            yield segment
            segment = []
        segment.append(word)
    yield segment
