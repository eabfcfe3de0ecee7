"""HTML as readers see it and as its source hides it: text, tables, comments, attributes. Runs nothing."""

import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, unquote_to_bytes

from selectolax.lexbor import LexborHTMLParser, LexborNode

from gateway.message import Opened, Partial
from gateway.opening import pasted
from gateway.opening.charset import decode
from gateway.opening.opener import Budget, Inner, Leaf, Opening
from gateway.opening.text import missed
from rules.content import Content, Role, Table, Text
from rules.verdict import Obstacle

_BLOCKS = frozenset(
    re.findall(
        r"\w+",
        """address article aside blockquote body br center dd details dialog dir div dl dt fieldset figcaption figure
        footer form h1 h2 h3 h4 h5 h6 header hr html legend li main menu nav ol optgroup option p pre section select
        summary table textarea tr ul""",
    )
)
_UNNESTED = frozenset(
    re.findall(
        r"\w+",
        "area base br col embed hr img input link meta source track wbr p li td tr th dd dt option "
        "path circle rect line polyline polygon use",
    )
)
_LINES = frozenset({"br", "hr"})
_CELLS = frozenset({"td", "th", "caption"})
_UNSEEN = frozenset({"script", "style", "noscript", "template", "title"})
_READ = frozenset(
    {
        "alt",
        "title",
        "value",
        "placeholder",
        "content",
        "label",
        "aria-label",
        "summary",
        "href",
        "src",
        "background",
        "data",
        "srcdoc",
    }
)
_NAMED = frozenset({"value", "content"})  #: what the element's name says what it is
_FILLED_IN = frozenset({"text", "tel", "number", "search", "email", "password"})  #: kinds of input whose value is shown
_META_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?([\w.:-]{1,40})", re.IGNORECASE)
_STYLE = re.compile(r"<style\b.*?(?=</style)", re.DOTALL | re.IGNORECASE)
_CSS_WORDS = re.compile(r"content\s*:\s*([\"'])(.*?)\1|/\*(.*?)\*/", re.DOTALL)
_DATA_URI = re.compile(r"data:([^,;]{0,100})((?:;[^,;]{0,100}){0,5}),(.*)", re.DOTALL)
_COMMENT = re.compile(r"<!--(.*?)(?:-->|\Z)|<[!?]([^>]*)", re.DOTALL)
_USUAL_DOCTYPE = re.compile(r"<!doctype\s+html[^\[>]*\Z", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\n\r\f]+")
Attributes = Mapping[str, str | None] | None
_MOST_TABLES_DEEP = 50
_MOST_LEVELS = 2_000
_WIDEST_SPAN = 200
_LONG_CELL = 100


def open_html(leaf: Leaf, budget: Budget) -> Opening:
    """Text, tables and hidden words of a page; what it embeds as data: or srcdoc is opened in its turn."""
    del budget
    meta = _META_CHARSET.search(leaf.content, 0, 4096)
    source = decode(leaf.content, leaf.charset or (meta[1].decode("ascii") if meta else None))
    if _depth(source) > _MOST_LEVELS:
        text = Text(part=leaf.section, where="source", role=leaf.role, content=re.sub(r"<[^>]*>", " ", source))
        note = f"elements nested deeper than {_MOST_LEVELS}"
        return Opening(outcome=Partial(contents=(text,), obstacle=Obstacle.LIMIT, note=note))
    page = _Page(part=leaf.section)
    page.comments(source)
    page.read(LexborHTMLParser(source))
    body = page.text()
    contents = tuple(page.contents(leaf.role, body))
    inner = _inner(page, body)
    if found := missed(body):
        return Opening(outcome=Partial(contents=contents, obstacle=found[0], note=found[1]), inner=inner)
    return Opening(outcome=Opened(contents=contents), inner=inner)


def _depth(source: str) -> int:
    """An upper bound of how deep elements nest; the parser is quadratic in it."""
    opened = source.count("<") - 2 * source.count("</") - source.count("<!")
    if opened < _MOST_LEVELS:
        return 0
    deepest = level = 0
    for tag in re.finditer(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)", source):
        if tag[2].lower() not in _UNNESTED:
            level = max(level - 1, 0) if tag[1] else level + 1
            deepest = max(deepest, level)
    return deepest


@dataclass(slots=True)
class _Grid:
    """A table being read; `nested` ones are layout."""

    rows: list[list[str]] = field(default_factory=list)
    nested: bool = False


@dataclass(slots=True)
class _Page:
    part: str
    buffers: list[list[str]] = field(default_factory=lambda: [[]])
    grids: list[_Grid] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    hidden: dict[str, list[str]] = field(default_factory=dict)
    links: dict[str, None] = field(default_factory=dict)
    quotations: int = 0  #: how many are open
    preformatted: int = 0  #: likewise; in these, lines and blanks count

    def read(self, parser: LexborHTMLParser) -> None:
        """Walk the tree without recursion: pages may nest as deep as they like."""
        node = parser.root
        level = 0
        while node is not None:
            child = node.first_child if self.enter(node) else None
            if child is not None:
                node, level = child, level + 1
                continue
            self.leave(node)
            while node is not None and node.next is None:
                node, level = (node.parent, level - 1) if level else (None, 0)
                if node is not None:
                    self.leave(node)
            node = node.next if node is not None and level else None

    def comments(self, source: str) -> None:
        """Comments, CDATA, processing instructions, and a DOCTYPE that holds more than the usual."""
        last = source.rfind("</style")
        for found in _COMMENT.finditer(
            _STYLE.sub("", source[: last + 7]) + source[last + 7 :] if last >= 0 else source
        ):
            if not _USUAL_DOCTYPE.match(found[0]):
                self.hide("comment", re.sub(r"<[^>]*>", " ", found[1] or found[2] or ""))

    def enter(self, node: LexborNode) -> bool:
        """Read a node; tells whether what is below it is to be read too."""
        name = node.tag or ""
        if name == "-text":
            words = node.text_content or ""
            flows = not self.preformatted and ("\n" in words or "  " in words)
            self.buffers[-1].append(_SPACE.sub(" ", words) if flows else words)
            return False
        if name == "-comment":
            return False  # read from the source: the tree has not all of them
        if attributes := node.attributes:
            self.attributes(attributes)
            self.buffers[-1].append(_filled_in(name, attributes))
            self.hide("attributes", _chosen(name, node))
        if name in _UNSEEN:
            return self.unseen(name, node)
        if name == "table" and len(self.grids) < _MOST_TABLES_DEEP:
            if self.grids:
                self.grids[-1].nested = True
            self.grids.append(_Grid())
        elif self.grids and name in _CELLS:
            self.buffers.append([])
        elif self.grids and name == "tr":
            self.grids[-1].rows.append([])
        elif name in _BLOCKS:
            self.buffers[-1].append("\n")
            self.quote(name, attributes)
            self.preformatted += name == "pre"
        return True

    def leave(self, node: LexborNode) -> None:
        name = node.tag or ""
        if name in _CELLS and len(self.buffers) > 1:
            self.cell(name, node)
        elif name == "table" and self.grids:
            self.table(self.grids.pop())
        elif name in _BLOCKS and name not in _LINES:
            self.preformatted -= name == "pre"
            self.unquote(name, node.attributes)
            self.buffers[-1].append("\n")

    def quote(self, name: str, attributes: Attributes) -> None:
        """A quotation begins; those inside it are one with it, or deep ones would cost depth times length."""
        if _cites(name, attributes):
            self.quotations += 1
            if self.quotations == 1:
                self.buffers.append([])

    def unquote(self, name: str, attributes: Attributes) -> None:
        """Mark its lines as plain mail does, so that they are told from new words."""
        if not _cites(name, attributes):
            return
        self.quotations -= 1
        if self.quotations == 0 and len(self.buffers) > 1:
            quoted = _tidy(self.buffers.pop())
            self.buffers[-1] += [f"> {line}\n" for line in quoted.split("\n")]

    def cell(self, name: str, node: LexborNode) -> None:
        text = _tidy(self.buffers.pop())
        if not self.grids:
            self.buffers[-1].append(text)
            return
        grid = self.grids[-1]
        if name == "caption" or not grid.rows:
            grid.rows.append([])
        grid.rows[-1].append(text)
        span = (node.attributes.get("colspan") or "1") if node.attributes else "1"
        if span.isdecimal() and len(span) < 6:
            grid.rows[-1] += [""] * (min(int(span), _WIDEST_SPAN) - 1)

    def table(self, grid: _Grid) -> None:
        """Data becomes a table; what only lays out a page becomes text again, cell by cell."""
        rows = [row for row in grid.rows if row]
        if not grid.nested and _is_data(rows):
            self.tables.append(Table(part=self.part, name=f"table {len(self.tables) + 1}", rows=rows))
            self.buffers[-1].append("\n")
            return
        for row in rows:
            lines = any("\n" in cell for cell in row)
            self.buffers[-1].append("\n" + ("\n" if lines else "\t").join(filter(None, row)) + "\n")

    def unseen(self, name: str, node: LexborNode) -> bool:
        if name in {"noscript", "template"}:
            self.hide(name, re.sub(r"<[^>]*>", " ", node.html or ""))
            return False
        text = node.text(deep=True) or ""
        if name == "style":
            text = "\n".join(found[2] or found[3] or "" for found in _CSS_WORDS.finditer(text))
        self.hide(name, text)
        return False

    def attributes(self, attributes: dict[str, str | None]) -> None:
        for name, value in attributes.items():
            if value and (name in _READ or name.startswith("data-")):
                if value.startswith("data:") or name == "srcdoc":
                    self.links[f"{name} {value}"] = None
                else:
                    self.hide("attributes", _labelled(name, attributes) + (unquote(value) if "%" in value else value))

    def hide(self, where: str, text: str) -> None:
        if text and not text.isspace():
            self.hidden.setdefault(where, []).append(text.strip())

    def text(self) -> str:
        while len(self.buffers) > 1:  # a cell that was never left
            last = self.buffers.pop()
            self.buffers[-1] += last
        return _tidy(self.buffers[0])

    def contents(self, role: Role, body: str) -> Iterator[Content]:
        if body:
            yield Text(part=self.part, where="body" if role is Role.BODY else "text", role=role, content=body)
        yield from self.tables
        for where, texts in self.hidden.items():
            kind = Role.HEADING if where == "title" else Role.CONTENT
            yield Text(part=self.part, where=where, role=kind, content="\n".join(dict.fromkeys(texts)))


def _filled_in(name: str, attributes: Mapping[str, str | None]) -> str:
    """What a form shows in a field."""
    shown = name == "input" and (attributes.get("type") or "text").lower() in _FILLED_IN
    return f" {attributes.get('value') or ''} " if shown else ""


def _chosen(name: str, node: LexborNode) -> str:
    """What is typed into a field of several lines, or chosen from a list, with what the page calls it."""
    called = (node.attributes.get("name") or "") if name in {"textarea", "select"} else ""
    value = (node.text(deep=True) or "").strip() if called else ""
    return f"{called}: {value}" if value and len(value) <= _LONG_CELL and any(map(str.isdigit, value)) else ""


def _labelled(attribute: str, attributes: Attributes) -> str:
    """What a value is called where the page names it: `<input name="ssn" value=...>`, `data-ssn`."""
    given = attributes or {}
    called = given.get("name") or given.get("id") if attribute in _NAMED else attribute.removeprefix("data-")
    return f"{called}: " if called and attribute not in _READ - _NAMED else ""


def _cites(name: str, attributes: Attributes) -> bool:
    """A quotation as mail programs mark it. Any other blockquote only moves its text to the right."""
    if name != "blockquote":
        return False
    found = attributes or {}
    return (found.get("type") or "").lower() == "cite" or "quote" in (found.get("class") or "").lower()


def _tidy(pieces: Sequence[str]) -> str:
    text = "".join(pieces)
    text = re.sub(r" *\n[ \n]*\n[ \n]*", "\n\n", text)
    return re.sub(r" *\n *", "\n", text).strip(" \n")


def _is_data(rows: Sequence[Sequence[str]]) -> bool:
    """At least three rows of two short cells each: a list, a form, a sheet; not a page's frame."""
    wide = [row for row in rows if sum(1 for cell in row if cell) > 1]
    cells = [cell for row in wide for cell in row]
    return len(wide) > 2 and sum(len(cell) > _LONG_CELL or cell.count("\n") > 2 for cell in cells) <= len(cells) * 0.1


def _inner(page: _Page, body: str) -> Iterator[Inner]:
    for link in page.links:
        name, _, value = link.partition(" ")
        if name == "srcdoc":
            yield Inner(name=None, content=value.encode("utf-8", "replace"), declared_type="text/html")
        elif found := _DATA_URI.fullmatch(value):
            yield Inner(name=None, content=_of_uri(found[2], found[3]), declared_type=found[1].strip().lower())
    yield from pasted.blocks(body)
    for where in ("script", "comment", "attributes", "noscript", "template"):
        yield from pasted.blocks("\n".join(page.hidden.get(where, ())))


def _of_uri(options: str, content: str) -> bytes:
    raw = unquote_to_bytes(content)
    if "base64" not in options.lower():
        return raw
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", raw)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
