"""Ways to damage a file: its bytes, the members of its package, its XML, and what stands before and behind it."""

import io
import random
import zipfile
from collections.abc import Callable, Sequence

from lxml import etree

_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF)
_TEXT = (
    b"\0",
    b"\r",
    b"\n",
    b"\r\n",
    b"\t",
    b'"',
    b"'",
    b"<",
    b">",
    b"&",
    b";",
    b",",
    b"\x1a",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
)
_WORDS = (
    b"<!--",
    b"-->",
    b"<![CDATA[",
    b"]]>",
    b"%PDF-1.4\n",
    b"%%EOF\n",
    b"PK\3\4",
    b"PK\5\6",
    b"<?xml?>",
    b"--b\r\n",
)


def mutated(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """The content after one to four changes; `others` are files to take pieces from."""
    for _ in range(chance.choice((1, 1, 1, 2, 2, 4))):
        way = chance.choice(_ZIP_WAYS if content[:2] == b"PK" and chance.random() < 0.8 else _WAYS)
        content = way(content, others, chance)
    return content


def _place(content: bytes, chance: random.Random) -> int:
    """Anywhere, heads and tails preferred: the structure stands there."""
    end = len(content)
    match chance.randrange(4):
        case 0:
            return min(chance.randrange(256), end)
        case 1:
            return max(end - chance.randrange(256), 0)
        case _:
            return chance.randrange(end + 1)


def _flip(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    place = _place(content, chance)
    return content[:place] + chance.randbytes(1) + content[place + 1 :]


def _edge(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    place, size = _place(content, chance), chance.choice((1, 2, 4))
    number = chance.choice(_EDGES) & ((1 << 8 * size) - 1)
    return content[:place] + number.to_bytes(size, chance.choice(("little", "big"))) + content[place + size :]


def _lose(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    place = _place(content, chance)
    return content[:place] + content[place + chance.choice((1, 2, 4, 16, 64, 512)) :]


def _repeat(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    place, size = _place(content, chance), chance.choice((1, 4, 16, 64, 512, 4096))
    return content[:place] + content[place : place + size] * 2 + content[place + size :]


def _swap(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    first, second = sorted((_place(content, chance), _place(content, chance)))
    size = min(chance.choice((1, 4, 16, 64)), second - first)
    return (
        content[:first]
        + content[second : second + size]
        + content[first + size : second]
        + content[first : first + size]
        + content[second + size :]
    )


def _insert(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    place = _place(content, chance)
    return content[:place] + chance.choice((*_TEXT, *_WORDS)) * chance.choice((1, 1, 1, 3)) + content[place:]


def _cut(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    return content[: max(_place(content, chance), 16)]


def _behind(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    return content + _filling(chance) + chance.choice(others)


def _before(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    return chance.choice(others) + _filling(chance) + content


def _filling(chance: random.Random) -> bytes:
    return chance.choice((b"", b"\n", b"\0" * 512, b"\x1a", chance.randbytes(20)))


def _splice(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    other, place = chance.choice(others), _place(content, chance)
    start = _place(other, chance)
    return content[:place] + other[start : start + chance.choice((16, 256, 4096))] + content[place:]


_WAYS = (_flip, _flip, _edge, _edge, _lose, _repeat, _swap, _insert, _insert, _cut, _behind, _before, _splice)


def _member(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """One member of a package changed, renamed, doubled or gone, and the whole packed again with right checksums."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = [(info.filename, archive.read(info)) for info in archive.infolist()]
    except Exception:  # noqa: BLE001 - damaged before
        return content
    if not members:
        return content
    place = chance.randrange(len(members))
    name, inside = members[place]
    match chance.randrange(10):
        case 0:
            del members[place]
        case 1:
            members[place] = (_renamed(name, chance), inside)
        case 2:
            members.insert(chance.randrange(len(members)), (name, chance.choice(members)[1]))
        case 3:
            members[place] = (name, chance.choice(members)[1])
        case 4:
            chance.shuffle(members)
        case _:
            change = _xml if inside[:1] == b"<" and chance.random() < 0.7 else chance.choice(_WAYS)
            members[place] = (name, change(inside, others, chance))
    return _packed(members, chance)


def _packed(members: Sequence[tuple[str, bytes]], chance: random.Random) -> bytes:
    out = io.BytesIO()
    method = chance.choice((zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED))
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, inside in members:
            archive.writestr(zipfile.ZipInfo(name), inside, method)
    return out.getvalue()


def _renamed(name: str, chance: random.Random) -> str:
    return chance.choice(
        (name.upper(), "/" + name, name.replace("/", "\\"), name + ".xml", name.rpartition("/")[2], name[:-1])
    )


def _xml(content: bytes, others: Sequence[bytes], chance: random.Random) -> bytes:
    """A change to the tree that leaves it well-formed."""
    try:
        root = etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
    except (etree.XMLSyntaxError, ValueError):
        return _flip(content, others, chance)
    nodes = [node for node in root.iter() if isinstance(node.tag, str)]
    node, other = chance.choice(nodes), chance.choice(nodes)
    _TREE[chance.randrange(len(_TREE))](node, other, chance)
    encoding = chance.choice(("utf-8", "utf-8", "utf-8", "utf-16", "us-ascii"))
    changed = etree.tostring(root.getroottree(), xml_declaration=True, encoding=encoding)
    return changed if isinstance(changed, bytes) else changed.encode()


def _gone(node: etree._Element, other: etree._Element, chance: random.Random) -> None:
    if (parent := node.getparent()) is not None:
        parent.remove(node)


def _wrapped(node: etree._Element, other: etree._Element, chance: random.Random) -> None:
    """Put into an element of another's name, which a reader may step over or into."""
    parent = node.getparent()
    if parent is None or other is node:
        return
    shell = etree.Element(other.tag if chance.random() < 0.7 else "{urn:none}unknown")
    parent.replace(node, shell)
    shell.append(node)


def _moved(node: etree._Element, other: etree._Element, chance: random.Random) -> None:
    if node not in other.iterancestors() and node is not other and node.getparent() is not None:
        other.append(node)


def _retold(node: etree._Element, other: etree._Element, chance: random.Random) -> None:
    if node.attrib:
        key = chance.choice(list(node.attrib))
        node.set(
            key, chance.choice(("0", "1", "-1", "true", "99999999", "", "hidden", "x", str(chance.choice(_EDGES))))
        )


def _bared(node: etree._Element, other: etree._Element, chance: random.Random) -> None:
    if node.attrib:
        del node.attrib[chance.choice(list(node.attrib))]


def _lent(node: etree._Element, other: etree._Element, chance: random.Random) -> None:
    for key, text in other.items():
        node.set(key, text)


def _renamed_node(node: etree._Element, other: etree._Element, chance: random.Random) -> None:
    node.tag = chance.choice((other.tag, etree.QName(node).localname, "{urn:none}" + etree.QName(node).localname))


def _interrupted(node: etree._Element, other: etree._Element, chance: random.Random) -> None:
    """A comment in the middle of a text."""
    text = node.text or ""
    place = len(text) // 2
    node.text = text[:place]
    remark = etree.Comment("x") if chance.random() < 0.5 else etree.ProcessingInstruction("x", "y")
    remark.tail = text[place:]
    node.insert(0, remark)


_TREE: tuple[Callable[[etree._Element, etree._Element, random.Random], None], ...] = (
    _gone,
    _wrapped,
    _moved,
    _retold,
    _retold,
    _bared,
    _lent,
    _renamed_node,
    _interrupted,
)
_ZIP_WAYS = (_member, _member, _member, _member, _member, _flip, _edge, _edge, _insert, _behind, _before, _splice)
