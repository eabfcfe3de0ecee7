"""Fold text to what the recognisers read: ASCII digits, dashes and spaces. Line breaks stay; nothing is judged here."""

import re
import unicodedata

import re2

from rules.escapes import unescaped

_SOFT_HYPHEN = "\u00ad"
_ODD_DASHES = frozenset("\u2212\u2043\ufe63\uff0d\u02d7\u2053\u207b\u208b\u2500\u2501\u23af\u2796\u30fc\uff70")
# Drawn as nothing and yet no format characters (Default_Ignorable_Code_Point), and what strikes a digit through or
# puts it in a box.
_UNSEEN = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0000-\U000e0fff"
    "\u0300-\u036f\u20d0-\u20f0]"
)
# Raised, lowered, in circles. One beside a digit is the mark of a footnote.
_SMALL = "\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u24ea\u24ff\u2776-\u277e"
_DIGITS_OF_A_KIND = re.compile(f"(?<![0-9])[{_SMALL}]{{2,}}(?![0-9])")
_SOFT_AS_DASHES = re.compile(r"(?<![0-9])([0-9]{3})[\u00ad-]([0-9]{2})[\u00ad-]([0-9]{4})(?![0-9])")

# Folding costs 20 ns a character; most text needs none. RE2 tells in 2 ms a megabyte whether a digit is foreign or
# stands beside something that is not ASCII, or whether a letter is full-width or has its accent apart.
_WORTH_FOLDING = re2.compile(
    r"[^\P{Nd}0-9]|[0-9] ?[^\x00-\x7f]|[^\x00-\x7f] ?[0-9]|[\x{FF01}-\x{FF5E}]|\x{AD}|\x{200B}|[\x{0300}-\x{036F}]"
    f"|[{_SMALL}]{{2}}"
)


class _Folding(dict[int, str]):
    """Code point to its folded text, worked out when first met."""

    def __missing__(self, code_point: int) -> str:
        folded = self[code_point] = _fold_character(chr(code_point))
        return folded


def _fold_character(character: str) -> str:  # noqa: PLR0911 - a table of cases
    if character.isascii() or character == _SOFT_HYPHEN:
        return character
    if "\uff01" <= character <= "\uff5e" and character not in _ODD_DASHES:
        return chr(ord(character) - 0xFEE0)
    match unicodedata.category(character):
        case "Nd":
            return str(unicodedata.digit(character))
        case "Pd":
            return "-"
        case "Zs":
            return " "
        case "Cf":  # zero width space, joiners, word joiner, byte order mark
            return ""
    if _UNSEEN.match(character):
        return ""
    return "-" if character in _ODD_DASHES else character


_FOLDING = _Folding()


def fold(text: str) -> str:
    """The same text with digits of every script, dashes and spaces of every kind as ASCII, and nothing invisible."""
    text = unescaped(text)
    if not text.isascii() and _WORTH_FOLDING.search(text.encode("utf-8", "replace")):
        text = _DIGITS_OF_A_KIND.sub(lambda found: "".join(str(unicodedata.digit(c)) for c in found[0]), text)
        text = text.translate(_FOLDING)
        if _SOFT_HYPHEN in text:
            text = _SOFT_AS_DASHES.sub(r"\1-\2-\3", text).replace(_SOFT_HYPHEN, "")
    return text
