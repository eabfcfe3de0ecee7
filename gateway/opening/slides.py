"""Presentations: slides, tables, notes, comments, masters, and everything packed in them. Never plays anything."""

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from gateway.opening.ooxml import Package, flat_rows, read_leftovers
from gateway.opening.opener import Budget, CannotLookError, Leaf, Opening
from gateway.opening.reading import Reading
from gateway.opening.sheetparts import read_charts
from rules.content import Role
from rules.verdict import Obstacle

_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_DRAWING = (
    "{http://schemas.openxmlformats.org/drawingml/2006/main}",
    "{http://purl.oclc.org/ooxml/drawingml/main}",  # strict documents
)
_PAGES = (
    (r"ppt/slides/slide(\d+)\.xml$", "slide", Role.CONTENT),
    (r"ppt/notesSlides/notesSlide(\d+)\.xml$", "notes", Role.CONTENT),
    (r"ppt/slideLayouts/slideLayout(\d+)\.xml$", "layout", Role.HEADING),
    (r"ppt/(?:slide|notes|handout)Masters/\w+?(\d+)\.xml$", "master", Role.HEADING),
)


def open_slides(leaf: Leaf, budget: Budget) -> Opening:
    """PPTX, PPTM, PPSX, POTX: hidden slides are slides."""
    reading = Reading(leaf)
    with reading.attempt("the presentation"):
        package = Package(leaf.content, budget)
        if not any(package.left(r"ppt/")):
            raise CannotLookError(Obstacle.CORRUPT, "the package has no presentation")
        for pattern, word, role in _PAGES:
            for name in sorted(package.left(pattern), key=lambda name: (len(name), name)):
                found = re.match(pattern, name, re.IGNORECASE)
                where = f"{word} {found[1]}" if found else word
                with reading.attempt(where):
                    read_page(package.tree(name, where), reading, where, role)
        for name in package.left(r"ppt/comments/[^/]+\.xml$"):
            with reading.attempt("the comments"):
                root = package.tree(name, "the comments")
                reading.text("comments", "\n".join(filter(None, map(str.strip, root.itertext()))))
        for name in package.left(r"ppt/tags/[^/]+\.xml$"):
            with reading.attempt("the tags"):
                tags = [node.get("val", "") for node in package.tree(name, "the tags")]
                reading.text("tags", "\n".join(tags))
        read_charts(package, reading)
        read_leftovers(package, reading)
    return reading.opening()


def read_page(root: Any, reading: Reading, where: str, role: Role) -> None:
    """Tables as tables, all other paragraphs as lines."""
    etree.strip_elements(root, _FALLBACK, with_tail=False)
    for space in _DRAWING:
        for number, table in enumerate(list(root.iter(space + "tbl")), start=1):
            reading.table(f"{where} table {number}", flat_rows(table, space, {space + "br": "\n"}))
            table.clear()  # taking it out of the tree instead is quadratic in lxml
    text = "\n".join(_paragraphs(root))
    descriptions = [node.get(key, "") for node in root.iter("{*}cNvPr") for key in ("descr", "title")]
    reading.text(where, "\n".join([text, *filter(None, descriptions)]), role)


def _paragraphs(root: Any) -> Iterator[str]:
    for space in _DRAWING:
        for paragraph in root.iter(space + "p"):
            nodes = paragraph.iter(space + "t", space + "br")
            if line := "".join("\n" if node.tag.endswith("}br") else node.text or "" for node in nodes):
                yield line
