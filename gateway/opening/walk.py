"""Walks a message and all that its parts hold. What cannot be read says so in its place; nothing is passed over."""

import itertools
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from gateway import mime
from gateway.message import Limits, Opened, OpenedMessage, Outcome, Part, Partial, Unopened
from gateway.opening.beside import beside
from gateway.opening.identify import identify
from gateway.opening.opener import Budget, CannotLookError, Inner, Leaf, Opener, Opening
from gateway.transfer import decoded
from rules.content import Content, Role, Text
from rules.verdict import Obstacle

MESSAGE = "message/rfc822"

_ELSEWHERE = {
    "message/partial": "one piece of a message sent in several",
    "message/external-body": "its content is elsewhere",
}
_CARRIES_THE_BODY = frozenset({"application/pkcs7-mime"})  #: what a signed message's body is wrapped in
_WORDS = frozenset(
    {
        "application/json",
        "application/mbox",
        "application/xml",
        "application/yaml",
        "image/svg+xml",
        "message/rfc822",
        "text/calendar",
        "text/csv",
        "text/html",
        "text/tab-separated-values",
        "text/vcard",
    }
)
_LONGEST_NAME = 200
_Troubles = tuple[tuple[Obstacle, str], ...]


def walk(raw: bytes, limits: Limits, openers: Mapping[str, Opener], passwords: tuple[str, ...] = ()) -> OpenedMessage:
    """Open the message, its parts, and theirs. Whatever goes wrong becomes the outcome of a part."""
    tree = _Walk(openers=openers, budget=Budget(limits=limits, passwords=passwords))
    mail = None
    try:
        mail = mime.parse(raw, limits)
        for name, text in [*(("subject", subject) for subject in mail.subjects), *mail.headings]:
            role = Role.SUBJECT if name == "subject" else Role.HEADING
            tree.headings.append(Text(part=None, where=name, role=role, content=_speakable(text)))
        tree.headings += _fields(mail, None)
        tree.entities(mail, 0, Role.BODY)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001 - whatever the message does to us, it is not clean
        obstacle, note = _blame(error)
        tree.add(
            Part(
                section=tree.unique("TEXT"),
                filename=None,
                media_type=MESSAGE,
                size=len(raw),
                outcome=Unopened(obstacle=obstacle, note=note),
            )
        )
    return OpenedMessage(
        message_id=_speakable(mail.message_id) if mail and mail.message_id else None,
        header_recipients=tuple(map(_speakable, mail.recipients)) if mail else (),
        headings=tuple(tree.headings),
        parts=tuple(part for part in tree.parts if part is not None),
    )


@dataclass(slots=True)
class _Walk:
    openers: Mapping[str, Opener]
    budget: Budget
    parts: list[Part | None] = field(default_factory=list)
    headings: list[Text] = field(default_factory=list)
    sections: set[str] = field(default_factory=set)

    def add(self, part: Part) -> None:
        self.parts.append(part)

    def unique(self, section: str) -> str:
        """Two files of one name are told apart by a number."""
        chosen, number = section, 1
        while chosen in self.sections:
            number += 1
            chosen = f"{section}~{number}"
        self.sections.add(chosen)
        return chosen

    def entities(self, mail: mime.Mail, depth: int, role: Role) -> None:
        for entity in mail.entities:
            if entity.range is None:
                outcome = _with(Opened(), tuple((each.obstacle, each.note) for each in entity.troubles))
                section = self.unique(entity.section)
                self.add(Part(section=section, filename=None, media_type=entity.media_type, size=0, outcome=outcome))
            else:
                self.entity(mail.raw, entity, entity.range, depth, role)

    def entity(self, raw: bytes, entity: mime.Entity, extent: tuple[int, int], depth: int, role: Role) -> None:
        """Open one leaf of the MIME tree, in each reading of its transfer encoding."""
        reading = decoded(raw, extent, entity.transfer)
        troubles = tuple((each.obstacle, each.note) for each in entity.troubles)
        if reading.obstacle:
            troubles += ((reading.obstacle, reading.note),)
        if entity.media_type in _ELSEWHERE:
            troubles += ((Obstacle.UNSUPPORTED, _ELSEWHERE[entity.media_type]),)
        body = role is Role.BODY and not entity.attachment and entity.media_type.startswith(("text/", "application/p"))
        for content in (reading.content, *reading.others):
            section = self.unique(entity.section)
            names = tuple(filter(None, map(_speakable, entity.names)))
            self.name(section, names, entity.description)
            self.leaf(
                Leaf(
                    section=section,
                    filename=names[0][:_LONGEST_NAME] if names else None,
                    media_type="",
                    content=content,
                    declared_type=entity.media_type,
                    charset=entity.charset,
                    delsp=entity.delsp,
                    role=Role.BODY if body else Role.CONTENT,
                ),
                troubles,
                depth,
            )

    def name(self, section: str, names: Iterable[str], description: str = "") -> None:
        for name in names:
            self.headings.append(Text(part=section, where="file name", role=Role.FILENAME, content=name))
        if description:
            heading = Text(part=section, where="description", role=Role.HEADING, content=_speakable(description))
            self.headings.append(heading)

    def leaf(self, leaf: Leaf, troubles: _Troubles, depth: int) -> None:
        """Open `leaf` and what it holds. Raises CannotLookError only when the message has too many parts."""
        self.budget.part()
        place = len(self.parts)
        self.parts.append(None)
        media_type, outcome = leaf.declared_type or "application/octet-stream", Opened()
        result: Outcome = outcome
        if leaf.content:
            leaf, opening = self.opening(leaf)
            media_type = leaf.media_type
            result = self.within(leaf, opening, depth)
        self.parts[place] = Part(
            section=leaf.section,
            filename=leaf.filename,
            media_type=media_type,
            size=len(leaf.content),
            outcome=_with(result, troubles),
        )

    def opening(self, leaf: Leaf) -> tuple[Leaf, Opening]:
        """Call the opener of what the leaf proves to be; its failure is an outcome."""
        media_type = leaf.declared_type or "application/octet-stream"
        try:
            media_type = identify(leaf.content, leaf.declared_type, leaf.filename, leaf.charset)
            if leaf.role is Role.BODY and leaf.declared_type == "text/plain" and media_type in _WORDS:
                media_type = "text/plain"  # shown as it stands, whatever it would be as a file
            leaf = _as(leaf, media_type)
            if media_type == MESSAGE:
                return leaf, Opening(outcome=Opened())
            opener = self.openers.get(media_type)
            if opener is None:
                note = f"no opener for {media_type}"
                return leaf, Opening(outcome=Unopened(obstacle=Obstacle.UNSUPPORTED, note=note))
            opening = opener(leaf, self.budget)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - Rust panics are no Exception; each failure is this part's own
            obstacle, note = _blame(error)
            leaf, opening = _as(leaf, media_type), Opening(outcome=Unopened(obstacle=obstacle, note=note))
        inner = itertools.chain(opening.inner, beside(leaf.media_type, leaf.content))
        return leaf, Opening(outcome=opening.outcome, inner=inner)

    def within(self, leaf: Leaf, opening: Opening, depth: int) -> Outcome:
        """Open what the leaf holds; it is partial when not all of that can be had."""
        outcome = opening.outcome
        try:
            if leaf.media_type == MESSAGE:
                return self.message(leaf, depth)
            for index, inner in enumerate(opening.inner, start=1):
                self.deeper(depth)
                self.inner(leaf, inner, index, depth)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # noqa: BLE001 - as above: half-way through, so partial
            return _with(outcome, (_blame(error),))
        return outcome

    def deeper(self, depth: int) -> None:
        if depth >= self.budget.limits.max_depth:
            raise CannotLookError(Obstacle.LIMIT, f"nested deeper than {self.budget.limits.max_depth}")

    def message(self, leaf: Leaf, depth: int) -> Outcome:
        """A message within the message: its fields are the part's own text, its parts go on behind its section."""
        self.deeper(depth)
        prefix = f"{leaf.section}/" if "/" in leaf.section else leaf.section
        mail = mime.parse(leaf.content, self.budget.limits, prefix)
        headings = [*(("subject", subject) for subject in mail.subjects), *mail.headings]
        contents: tuple[Content, ...] = (
            *(
                Text(part=leaf.section, where=name, role=Role.HEADING, content=_speakable(text))
                for name, text in headings
            ),
            *_fields(mail, leaf.section),
        )
        try:
            self.entities(mail, depth + 1, leaf.role)
        except CannotLookError as error:
            return Partial(contents=contents, obstacle=error.obstacle, note=error.note)
        return Opened(contents=contents)

    def inner(self, leaf: Leaf, inner: Inner, index: int, depth: int) -> None:
        name = _speakable(inner.name or "")
        section = self.unique(f"{leaf.section}/{_path(name) or index}")
        self.name(section, (name,) if name else ())
        filename = name.replace("\\", "/").rpartition("/")[2][:_LONGEST_NAME] or None
        if isinstance(inner.content, Unopened):
            self.budget.part()
            media_type = inner.declared_type or "application/octet-stream"
            self.add(Part(section=section, filename=filename, media_type=media_type, size=0, outcome=inner.content))
            return
        role = leaf.role if leaf.media_type in _CARRIES_THE_BODY else Role.CONTENT
        self.leaf(
            Leaf(
                section=section,
                filename=filename,
                media_type="",
                content=inner.content,
                declared_type=inner.declared_type,
                role=role,
            ),
            (),
            depth + 1,
        )


def _fields(mail: mime.Mail, part: str | None) -> list[Text]:
    """Fields that nobody is shown: searched for people, but no title, so that no address in them names a client."""
    return [Text(part=part, where=where, role=Role.CONTENT, content=_speakable(text)) for where, text in mail.fields]


def _as(leaf: Leaf, media_type: str) -> Leaf:
    return replace(leaf, media_type=media_type)


def _blame(error: BaseException) -> tuple[Obstacle, str]:
    """An obstacle for a failure. The text of foreign exceptions may hold content, so only their kind is told."""
    if isinstance(error, CannotLookError):
        return error.obstacle, error.note
    if isinstance(error, MemoryError | RecursionError):
        return Obstacle.LIMIT, "needs more memory than it may have"
    if isinstance(error, TimeoutError):
        return Obstacle.TIMEOUT, "took too long"
    return Obstacle.CORRUPT, f"its reader gave up ({type(error).__name__})"


def _with(outcome: Outcome, troubles: _Troubles) -> Outcome:
    if not troubles or not isinstance(outcome, Opened):
        return outcome
    note = "; ".join(dict.fromkeys(note for _, note in troubles))
    return Partial(contents=outcome.contents, obstacle=troubles[0][0], note=note)


def _speakable(text: str) -> str:
    """No lone surrogates, controls or direction marks: they could not be stored, or would lie about their order."""
    if text.isprintable():
        return text
    return "".join(each if unicodedata.category(each)[0] != "C" else " " * (each in "\t\n\r") for each in text)


def _path(name: str) -> str:
    """A name as a piece of a section: relative, short, without the steps that lead elsewhere."""
    steps = re.split(r"[\\/]+", re.sub(r"^[A-Za-z]:", "", name))
    return "/".join(step.strip() for step in steps if step.strip() not in {"", ".", ".."})[-_LONGEST_NAME:]
