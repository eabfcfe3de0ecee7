"""Domains that read like a client's and are not: a reason to look twice, never a reason to trust."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

from rules.domains import readable, suffixes
from rules.vocabulary import ordinary

# Letters of other scripts that look like Latin ones, and what typists take for each other (after Unicode TR 39).
_CONFUSABLE = str.maketrans(
    dict(zip("аеорсухіјѕһԁԛԝьвкмнтгп", "aeopcyxljshdqwbbkmhtrn", strict=True))
    | dict(zip("αβγδεικνορτυχω", "abydelknoptuxw", strict=True))
    | dict(zip("01i53łøßı", "ollselobl", strict=True))  # noqa: RUF001 - the look-alikes are the point
    | {"-": ""}
)
_SHORTEST = 4  #: labels shorter than this are near too many others


def skeleton(label: str) -> str:
    """What the eye keeps of a label."""
    bare = "".join(c for c in unicodedata.normalize("NFKD", label.lower()) if not unicodedata.combining(c))
    return bare.translate(_CONFUSABLE).replace("rn", "m").replace("vv", "w")


def _telling(domain: str) -> str:
    """The label that people know a domain by: `acme` of `mail.acme.example`."""
    labels = domain.split(".")[:-1]
    return next((label for label in labels if label not in ordinary()), labels[0])


class LookAlikes:
    """Known domains by what they look like. Built from the directory, asked only about unknown recipients."""

    def __init__(self, domains: Iterable[str]) -> None:
        self._by_label: dict[str, str] = {}
        self._by_skeleton: dict[str, str] = {}
        self._by_length: dict[int, list[str]] = defaultdict(list)
        for domain in domains:
            label = _telling(readable(domain))
            if len(label) < _SHORTEST:
                continue
            self._by_label.setdefault(label, domain)
            self._by_skeleton.setdefault(skeleton(label), domain)
            self._by_length[len(label)].append(label)
        self.of = lru_cache(maxsize=4096)(self._of)

    def _of(self, domain: str) -> str | None:
        """The known domain that `domain` is easily taken for, or None."""
        shown = [suffix.partition(".")[0] for suffix in suffixes(readable(domain))]
        for label in shown:
            known = self._by_label.get(label) or self._by_skeleton.get(skeleton(label)) or self._within(label)
            if known is not None:
                return known
        return next((known for label in shown if (known := self._one_edit_away(label)) is not None), None)

    def _within(self, label: str) -> str | None:
        """A client's label inside a foreign one: `acme-mfg-benefits`, `secure-acme-mfg`."""
        pieces = label.split("-")
        runs = ("-".join(pieces[i:j]) for i in range(len(pieces)) for j in range(i + 1, len(pieces) + 1))
        return next((self._by_label[run] for run in runs if run in self._by_label), None)

    def _one_edit_away(self, label: str) -> str | None:
        if len(label) <= _SHORTEST:
            return None
        from rapidfuzz import process  # noqa: PLC0415 - only unknown recipients come here
        from rapidfuzz.distance import OSA  # noqa: PLC0415

        for length in (len(label), len(label) - 1, len(label) + 1):
            near = process.extractOne(label, self._by_length.get(length, ()), scorer=OSA.distance, score_cutoff=1)
            if near is not None:
                return self._by_label[near[0]]
        return None
