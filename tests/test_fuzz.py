"""Damaged files of every family: whatever the bytes, each part is opened, opened in part, or said to be unopened.

`make fuzz` hunts for longer; what it ever found stands in tests/crashers and tests/blindness, and is replayed here.
"""

import io
import lzma
import zipfile
from functools import cache
from pathlib import Path

import carriers
import carriers_mail
import pytest
from carrier_folder import FORMATS
from carrier_hiding import HIDING
from carrier_places import PLACES
from carrier_unseen import UNSEEN
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.message import Limits, Opened, Partial, Unopened
from gateway.opening import image
from gateway.opening.registry import open_message

ROWS = carriers.table(4)
BLINDNESS = sorted((Path(__file__).parent / "blindness").iterdir())
CRASHERS = sorted((Path(__file__).parent / "crashers").iterdir())
NUMBERS = [row[0] for row in carriers.table(40)[1:]]
LIMITS = Limits(max_expanded=1 << 26)
FAMILIES = {**FORMATS, **HIDING, **UNSEEN}


@cache
def seed(name: str) -> bytes:
    return (FAMILIES[name] if name in FAMILIES else PLACES[name]).write(ROWS)


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """A few bytes changed, lost, said twice or swapped, or the end cut off."""
    spoilt = bytearray(content)
    for _ in range(draw(st.integers(1, 6))):
        place = draw(st.integers(0, max(len(spoilt) - 1, 0)))
        size = draw(st.sampled_from((1, 2, 4, 8, 64)))
        match draw(st.sampled_from(("flip", "lose", "repeat", "fill", "cut"))):
            case "flip":
                spoilt[place : place + 1] = bytes([draw(st.integers(0, 255))])
            case "lose":
                del spoilt[place : place + size]
            case "repeat":
                spoilt[place:place] = spoilt[place : place + size]
            case "fill":
                spoilt[place : place + size] = draw(st.sampled_from((b"\0", b"\xff", b"\x7f"))) * size
            case _:
                del spoilt[max(place, 16) :]
    return bytes(spoilt)


@st.composite
def carried(draw: st.DrawFn, name: str) -> bytes:
    """A carrier damaged outside, or in one member of its package, where a checksum would else turn it away."""
    content = seed(name)
    if content.startswith(b"PK") and draw(st.booleans()):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members: dict[str, bytes | str] = {each: archive.read(each) for each in archive.namelist()}
        member = draw(st.sampled_from(sorted(members)))
        return carriers.zipped(members | {member: draw(damaged(bytes(members[member])))})  # type: ignore[arg-type]
    return draw(damaged(content))


def check(raw: bytes) -> None:
    message = open_message(raw, LIMITS)

    assert message.parts
    assert all(isinstance(part.outcome, Opened | Partial | Unopened) for part in message.parts)
    sections = [part.section for part in message.parts]
    assert len(set(sections)) == len(sections)


@pytest.fixture
def _no_ocr(monkeypatch: pytest.MonkeyPatch) -> None:
    """Recognition of damaged pictures takes seconds, and is the same code whatever they were."""
    monkeypatch.setattr(image, "warm", lambda: None)


@pytest.mark.usefixtures("_no_ocr")
@pytest.mark.parametrize("name", FAMILIES)
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_damaged_file_gets_an_outcome(name: str, data: st.DataObject) -> None:
    """A file that kills the opener is an outage."""
    check(carriers_mail.write_eml(data.draw(carried(name)), FAMILIES[name].filename))


@pytest.mark.parametrize("name", PLACES)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_a_damaged_message_gets_an_outcome(name: str, data: st.DataObject) -> None:
    check(data.draw(damaged(seed(name))))


@pytest.mark.parametrize("crasher", CRASHERS, ids=lambda file: file.stem)
def test_what_once_went_wrong_stays_right(crasher: Path) -> None:
    check(crasher.read_bytes())


@pytest.mark.parametrize("hidden", BLINDNESS, ids=lambda file: file.name)
def test_what_once_hid_its_list_is_found_or_doubted(hidden: Path) -> None:
    """Files of `make fuzz`, whose lists a common reader shows; we had called each of them opened, and seen nobody."""
    content = lzma.decompress(hidden.read_bytes())
    message = open_message(carriers_mail.write_eml(content, hidden.name.removesuffix(".xz")), LIMITS)

    doubted = not all(isinstance(part.outcome, Opened) for part in message.parts)
    found = sum(any(number in repr(part.outcome) for part in message.parts) for number in NUMBERS)
    assert doubted or found >= 3
