"""The content after DATA, however it is cut into pieces: only CRLF dot CRLF ends it."""

import re

from hypothesis import given
from hypothesis import strategies as st
from peers import stuffed

from gateway.smtp.data import Content, Fault, dotted_line


def fed(content: Content, sent: bytes, cuts: list[int]) -> bytes:
    """Hands it on piece by piece; what is left behind its end."""
    for cut in [*cuts, len(sent), len(sent)]:
        piece, sent = sent[:cut], sent[cut:]
        left = content.feed(piece)
        if left is not None:
            return left + sent
    raise AssertionError("it has not ended")


@given(raw=st.binary(max_size=300), cuts=st.lists(st.integers(1, 40), max_size=20), rest=st.binary(max_size=20))
def test_pieces_do_not_matter(raw: bytes, cuts: list[int], rest: bytes) -> None:
    """The network cuts where it likes; the message is the same, and what follows is left alone."""
    lines = [re.sub(rb"[\r\n\0]", b".", line) for line in raw.split(b"e")]
    sound = b"".join(line + b"\r\n" for line in lines)
    content = Content(1000)
    sent = stuffed(sound) + b".\r\n" + rest

    assert fed(content, sent, cuts) == rest
    assert content.fault is None
    assert content.raw() == sound


@given(raw=st.text(alphabet="a.\r\n\0", max_size=40), cuts=st.lists(st.integers(1, 5), max_size=40))
def test_only_crlf_dot_crlf_ends_it_and_nothing_bare_passes(raw: str, cuts: list[int]) -> None:
    """Measured against the plain reading: what stands before the first CRLF.CRLF, and is any CR or LF bare in it?"""
    sent = raw.encode() + b"\r\n.\r\n"
    expected, _, _ = (b"\r\n" + sent).partition(b"\r\n.\r\n")
    bare = re.search(rb"\r(?!\n)|(?<!\r)\n|\0", expected + b"\r\n")
    content = Content(1000)

    fed(content, sent, cuts)

    assert (content.fault is Fault.MALFORMED) == bool(bare)
    if not bare:
        assert content.raw() == (expected + b"\r\n").replace(b"\r\n.", b"\r\n")[2:]


@given(raw=st.text(alphabet="..x\r\n", max_size=400), start=st.integers(0, 50))
def test_looking_for_dots_first_finds_the_same(raw: str, start: int) -> None:
    """A dotted line that is overlooked would end the message for the next hop, and begin another."""
    content = raw.encode()

    assert dotted_line(content, start) == content.find(b"\r\n.", start)


def test_what_is_too_big_is_not_kept() -> None:
    """Ten megabytes without an end must not cost ten megabytes."""
    content = Content(1000)
    for _ in range(100):
        assert content.feed(b"x" * 100_000) is None
        assert content.held < 10

    assert content.feed(b"\r\n.\r\nQUIT\r\n") == b"QUIT\r\n"
    assert content.fault is Fault.TOO_BIG
