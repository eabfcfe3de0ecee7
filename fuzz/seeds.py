"""What is damaged: the carriers of the tests, and what other programs wrote. The list in each, and a harmless twin."""

import lzma
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))  # the tests' own writers; they are no package
carriers, folder, hiding, places, unseen, mails = map(
    import_module,
    ("carriers", "carrier_folder", "carrier_hiding", "carrier_places", "carrier_unseen", "carriers_mail"),
)

PICTURES = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "scanned", "picture")  #: OCR costs seconds a trial


@dataclass(frozen=True)
class Seed:
    """A carrier's name, what its file is called, and its bytes with people and with prices in them."""

    name: str
    filename: str
    listed: bytes
    harmless: bytes | None = None

    @property
    def suffix(self) -> str:
        return Path(self.filename).suffix.lower()


def message(seed: Seed, content: bytes) -> bytes:
    """The mail that brings it; a place in a message is one already."""
    return content if seed.filename == "message.eml" else bytes(mails.write_eml(content, seed.filename))


def every(people: int = 40) -> Iterator[Seed]:
    rows, prices = carriers.table(people), carriers.harmless(people)
    for name, carrier in {**folder.FORMATS, **hiding.HIDING, **unseen.UNSEEN}.items():
        if not any(word in name for word in PICTURES):
            yield Seed(name, carrier.filename, carrier.write(rows), carrier.write(prices))
    for name, place in places.PLACES.items():
        yield Seed(name, "message.eml", place.write(rows), place.write(prices))
    for path in sorted((ROOT / "tests" / "foreign").glob("list.*.xz")):
        if ".picture." not in path.name:
            filename = path.name.removesuffix(".xz")
            yield Seed(f"foreign {filename}", filename, lzma.decompress(path.read_bytes()))
