"""A text made ready for finding names in it: accents, punctuation, `&` and `401(k)` evened out. Never shortens it."""

import re
import unicodedata
from functools import cached_property, lru_cache

_SEPARATORS = "".join(chr(c) for c in range(1, 128) if not chr(c).isalnum())
_TO_PLAIN = bytes(c if c in {0, *range(128, 256)} or chr(c).isalnum() else 32 for c in range(256)).lower()
_WORD = re.compile(f"[^{re.escape(_SEPARATORS)}]+")
_FOREIGN = re.compile(r"[^\x00-\x7f]+")
_PLAN_LETTER = re.compile(r"\((?<=\d\()([a-zA-Z])\)")  # 401(k); a literal in front makes it fast
_PADDED = re.compile(r"(?<= )0+(?=[1-9][0-9]{4,11} )")  #: numbers as mainframes pad them: 0000701030
_HAN = ("CJK UNIFIED", "CJK COMPAT", "HIRAGANA", "KATAKANA")  #: scripts that put no spaces between words
#: Letters that are one character, and that people write with others where a keyboard has none.
_PLAINER = str.maketrans(
    {
        "ł": "l",
        "Ł": "L",
        "ø": "o",
        "Ø": "O",
        "đ": "d",
        "Đ": "D",
        "ð": "d",
        "Ð": "D",
        "þ": "th",
        "Þ": "Th",
        "ß": "ss",
        "æ": "ae",
        "Æ": "Ae",
        "œ": "oe",
        "Œ": "Oe",
        "\u0131": "i",
        "ħ": "h",
        "Ħ": "H",
    }
)
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[a-zA-Z])(?=\d{2})|(?<=\d)(?=[A-Z][a-z])")
_UNEVEN = frozenset("&+(")
BREAK = " \0 "  #: stands between texts that no name may run across


class Reading:
    """A text made ready for finding. `written` keeps case and punctuation, `plain` is what the automaton sees."""

    def __init__(self, text: str) -> None:
        written = text if text.isascii() else _folded(text)
        if "&" in written:
            written = written.replace("&amp;", " and ").replace("&", " and ")
        if " + " in written:
            written = written.replace(" + ", " and ")
        if "(" in written:
            written = _PLAN_LETTER.sub(r"\1", written.replace(" (", "("))
        self.written = written
        lower = written if written.isascii() else written.lower()
        plain = f" {lower.encode().translate(_TO_PLAIN).decode()} "
        while "  " in plain:  # faster than splitting into words and joining them
            plain = plain.replace("  ", " ")
        self.plain = _PADDED.sub("", plain) if " 00" in plain else plain

    @property
    def words(self) -> list[str]:
        return self.plain.split()

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        """Where each word stands in `written`; only asked for when there is a find."""
        return [match.span() for match in _WORD.finditer(self.written)]


def _folded(text: str) -> str:
    """Accents and full-width forms gone, in the foreign runs only: most text has few."""
    return _FOREIGN.sub(_fold_run, text)


def _fold_run(match: re.Match[str]) -> str:
    return _fold(match[0])


@lru_cache(maxsize=4096)
def _fold(run: str) -> str:
    return "".join(map(_fold_letter, unicodedata.normalize("NFKD", run.translate(_PLAINER))))


def _fold_letter(letter: str) -> str:
    category = unicodedata.category(letter)
    if category in {"Mn", "Me", "Cf"}:
        return ""  # accents, and what is not seen: soft hyphens, zero-width characters
    if category == "Lo" and unicodedata.name(letter, "").startswith(_HAN):
        return f" {letter} "  # a word of its own, so that a name is found between others
    return letter if category[0] in "LN" else " "


def spaced(name: str) -> str:
    """A file or sheet name with its words apart: AcmeMfgCensus2026 is Acme Mfg Census 2026."""
    return _CAMEL.sub(" ", name)


def plain_words(name: str) -> tuple[str, ...]:
    """A short text's words as the automaton sees them."""
    if name.isascii() and not _UNEVEN.intersection(name) and "00" not in name:
        return tuple(name.encode().translate(_TO_PLAIN).decode().split())
    return tuple(Reading(name).plain.split())
