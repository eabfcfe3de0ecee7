"""Undo escapes that a text shows as they are: JSON, JavaScript and expressions, URLs, HTML, quoted-printable."""

import html
import re
import unicodedata
from functools import lru_cache
from urllib.parse import unquote_to_bytes

# Only what may stand in or around a number: ASCII, dashes, spaces, what is invisible, full-width digits. Line ends stay
# what they are, because places are counted in lines.
_BACKSLASH = re.compile(
    r"\\{1,8}(?:u(?:\{0{0,4}([0-9A-Fa-f]{2,4})\}|(00[2-7AaBb][0-9A-Fa-f]|20[0-6][0-9A-Fa-f]|22[01]2|[Ff]{2}[01][0-9A-Fa-f]))"
    r"|x([2-7][0-9A-Fa-f]|[Aa][0Dd]))"
)
_BEFORE_DASH = re.compile(r"(?<=[0-9])\\{1,4}(?=-[0-9])")  # "212\-48\-6397", as Markdown and expressions have it
_TWICE = re.compile(r"%(?:25){1,4}(?=[0-9A-Fa-f]{2})|&(?:amp;){1,4}(?=#?[A-Za-z0-9]{2,8};)")
_PERCENT = re.compile(
    r"%(?:2[0-46-9A-Fa-f]|3[A-Fa-f]|5[BDbd]|7[BDbd]|[Cc]2%[Aa][0Dd]|[Ee]2%80%[89AaBb][0-9A-Fa-f])|(?:%3[0-9]){2,64}"
)
_ENTITY = re.compile(
    r"&(?:#0{0,5}[0-9]{2,5}|#[xX]0{0,4}[0-9A-Fa-f]{2,4}"
    r"|shy|nbsp|ensp|emsp|thinsp|hyphen|dash|ndash|mdash|horbar|minus|quot|colon|equals|num|apos|zwnj|zwj);"
)
# "=20" and the like may be a value as well ("id=2012"), so only beside a number that is whole without it.
_QUOTED = re.compile(
    r"(?<=[0-9])=(?:2D|C2=AD|E2=80=9[0-5])(?=[0-9])|=(?:20|C2=A0)(?=[0-9]{3}[- ]?[0-9]{2}[- ]?[0-9]{4}(?![0-9]))"
)


def unescaped(text: str) -> str:
    """The text with such escapes as the characters they stand for; what it costs depends on its length alone."""
    if "\\" in text:
        text = _BEFORE_DASH.sub("", _BACKSLASH.sub(_of_code_point, text))
    if "%" in text or "&" in text:
        text = _TWICE.sub(lambda found: found[0][0], text)
        text = _ENTITY.sub(_of_entity, _PERCENT.sub(_of_bytes, text))
    if "=2" in text or "=C2" in text or "=E2" in text:
        text = _QUOTED.sub(_of_bytes, text)
    return text


def _of_code_point(found: re.Match[str]) -> str:
    return _shown(chr(int(found[1] or found[2] or found[3], 16)), found[0])


def _of_bytes(found: re.Match[str]) -> str:
    return _shown(unquote_to_bytes(found[0].replace("=", "%")).decode("utf-8", "replace"), found[0])


def _of_entity(found: re.Match[str]) -> str:
    return _shown(html.unescape(found[0]), found[0])


@lru_cache(maxsize=1024)
def _shown(characters: str, escape: str) -> str:
    """A space for one that ends a line; the escape itself for anything that is no sign to be read."""
    if characters in "\t\n\r\x0b\x0c\x85\u2028\u2029":
        return " "
    return escape if any(unicodedata.category(one) in {"Cc", "Cs", "Cn"} for one in characters) else characters
