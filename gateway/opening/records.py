"""Fixed-length records without line ends, as mainframes write them: cuts the lines. Guesses no columns."""

from collections import Counter

_SHORTEST, _LONGEST = 20, 4_000
_SAMPLE = 40
_FEWEST = 5  #: records
_EVEN = 0.5  #: share of columns that are of one kind in nearly all records; prose cut anywhere has few


def cut(text: str) -> str:
    """The text with a line end behind each record; unchanged when it has lines already, or no even length fits."""
    if "\n" in text or len(text) < _FEWEST * _SHORTEST:
        return text
    lengths = [each for each in range(_SHORTEST, min(_LONGEST, len(text) // _FEWEST) + 1) if len(text) % each == 0]
    scores = {length: _evenness(text, length) for length in lengths}
    best = max(scores.values(), default=0.0)
    if best < _EVEN:
        return text
    length = next(each for each, score in scores.items() if score > best * 0.95)
    return "\n".join(text[place : place + length] for place in range(0, len(text), length))


def _evenness(text: str, length: int) -> float:
    rows = [text[place : place + length] for place in range(0, min(len(text), _SAMPLE * length), length)]
    enough = len(rows) * 0.9  # a header or a trailer may differ
    kinds = (Counter(map(_kind, column)) for column in zip(*rows, strict=True))
    return sum(each.most_common(1)[0][1] >= enough for each in kinds) / length


def _kind(sign: str) -> str:
    if sign.isdigit():
        return "9"
    return "a" if sign.isalpha() else sign
