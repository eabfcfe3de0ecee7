"""T30: any request to any route of the review room, made up from its own description and from everything that is wrong.

`--hypothesis-profile=long` makes up ten thousand of each.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from review_room import BETA, Room, furnished
from test_review_rights import API, PAGES

from gateway.review.message import whole
from gateway.review.proposal import ProposalList, ProposalShape
from gateway.review.shapes import HeldList, HeldShape, Problem
from gateway.states import State

SECRET = "219-09-9998"  #: sent where it does not belong; no answer may quote it
INSIDE = ("attached is your list", "Lambert")  #: stand in the message and in the file in it
HERE = "{hold_id}"  #: stands for the id of a message that is held
FORM, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"

LISTS = {"GET /api/v1/held": HeldList, "GET /api/v1/proposals": ProposalList}

words = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", " ", "\0", SECRET, "null", "-1", "9" * 400, "1e999", "../../etc/passwd", "%00", "a" * 3000]),
    st.sampled_from(
        [BETA, BETA.upper(), "held", "2026-01-31", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"]
    ),
)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=8,
)


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A request; `who` is one of the cast, or nobody."""

    route: str
    hold_id: str
    who: str
    query: list[tuple[str, str]]
    body: bytes = b""
    kind: str = ""

    def of(self, hold_id: str) -> dict[str, Any]:
        method, path = self.route.split()
        path = path.replace(HERE, quoted(hold_id if self.hold_id == HERE else self.hold_id))
        query = "&".join(f"{quoted(name)}={quoted(value)}" for name, value in self.query)
        headers = {"Content-Type": self.kind} if self.kind else {}
        return {"method": method, "url": f"{path}?{query}", "content": self.body, "headers": headers}


def quoted(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogatepass"), safe="")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with furnished(tmp_path_factory.mktemp("fuzz")) as opened:
        yield opened


def like(schema: Mapping[str, Any], shapes: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Values as the description asks for them, and texts that only look so."""
    values: st.SearchStrategy[Any]
    match schema:
        case {"$ref": name}:
            values = like(shapes[name.rpartition("/")[2]], shapes)
        case {"anyOf": choices}:
            values = st.one_of([like(choice, shapes) for choice in choices])
        case {"enum": choices}:
            values = st.sampled_from(choices)
        case {"type": "object", "properties": properties}:
            keys = {name: like(inner, shapes) for name, inner in properties.items()}
            needed = {name: keys.pop(name) for name in schema.get("required", ())}
            values = st.fixed_dictionaries(needed, optional=keys)
        case {"type": "array", "items": items}:
            values = st.lists(like(items, shapes) | st.just(BETA), max_size=3)
        case {"type": "integer"}:
            values = st.integers(schema.get("minimum"), schema.get("maximum"))
        case {"type": "null"}:
            values = st.none()
        case {"format": "date-time"}:
            values = st.datetimes().map(str)
        case _:
            values = st.text(min_size=1, max_size=20) | words
    return values


def nearly(right: Any) -> st.SearchStrategy[Any]:
    """The same with a key too few, a key too many, or something else in a key's place."""
    if not isinstance(right, dict) or not right:
        return anything
    key = st.sampled_from(sorted(right))
    return st.one_of(
        key.map(lambda name: {other: value for other, value in right.items() if other != name}),
        st.tuples(key | words, anything).map(lambda pair: right | {pair[0]: pair[1]}),
        anything,
    )


@st.composite
def calls(draw: st.DrawFn, description: Mapping[str, Any]) -> Asked:
    """An operation of the API asked rightly, nearly so, or not at all so."""
    route = draw(st.sampled_from(sorted(API)))
    method, path = route.split()
    operation, shapes = description["paths"][path][method.lower()], description["components"]["schemas"]
    query = [
        (parameter["name"], str(value))
        for parameter in operation.get("parameters", ())
        if parameter["in"] == "query"
        for value in draw(st.lists(like(parameter["schema"], shapes) | words, max_size=2))
    ]
    body, kind = b"", ""
    if "requestBody" in operation:
        right = draw(like(operation["requestBody"]["content"]["application/json"]["schema"], shapes))
        body = draw(
            st.one_of(st.just(right), st.just(right), nearly(right)).map(json.dumps).map(str.encode) | st.binary()
        )
        kind = draw(st.sampled_from(["application/json"] * 4 + ["", "text/plain", MULTIPART]))
    who = draw(st.sampled_from(["rita", "rita", "ada", "otto", "sam", ""]))
    return Asked(route=route, hold_id=draw(st.just(HERE) | words), who=who, query=query, body=body, kind=kind)


@st.composite
def visits(draw: st.DrawFn) -> Asked:
    """A page, or a form with the fields that forms here have and others; without the proof that we made it."""
    route = draw(st.sampled_from(sorted(set(PAGES) - {"POST /login"})))  # that one is slow on purpose
    known = st.sampled_from(["note", "recipients", "to", "password", "part", "rows", "before", "state", "done", "csrf"])
    fields = draw(st.lists(st.tuples(known | words, words), max_size=5))
    form = route.startswith("POST")
    return Asked(
        route=route,
        hold_id=draw(st.just(HERE) | words),
        who=draw(st.sampled_from(["rita", "ada", "otto", "sam", ""])),
        query=[] if form else fields,
        body="&".join(f"{quoted(name)}={quoted(value)}" for name, value in fields).encode() if form else b"",
        kind=draw(st.sampled_from([FORM, FORM, FORM, MULTIPART, "application/json", ""])) if form else "",
    )


async def a_held_one(room: Room) -> str:
    waiting = await room.quarantine.list(frozenset({State.HELD}), limit=1)
    return waiting[0].id if waiting else await room.hold()


async def seen(room: Room, hold_id: str) -> str:
    """All but the history: who has looked is on record, too."""
    return whole(await room.quarantine.get(hold_id)).model_dump_json(exclude={"history"})


async def call(room: Room, asked: Asked) -> None:
    hold_id = await a_held_one(room)
    before = await seen(room, hold_id)
    async with room.call(asked.who) as client:
        answer = await client.request(**asked.of(hold_id))

    assert answer.status_code in {200, 201, 400, 401, 403, 404, 409, 413, 422}, answer.text
    assert not any(text in answer.text for text in INSIDE)
    if answer.status_code >= 400:
        Problem.model_validate_json(answer.text)
        assert SECRET not in answer.text
        assert await seen(room, hold_id) == before
    elif "/audit" not in asked.route:
        LISTS.get(asked.route, ProposalShape if "/proposals" in asked.route else HeldShape).model_validate_json(
            answer.text
        )
    if asked.who not in {"rita", "ada"} or asked.route.startswith("GET"):
        assert await seen(room, hold_id) == before


async def visit(room: Room, asked: Asked) -> None:
    hold_id = await a_held_one(room)
    before = await seen(room, hold_id)
    async with room.visit(asked.who) as browser:
        answer = await browser.client.request(**asked.of(hold_id))

    assert answer.status_code in {200, 303, 400, 401, 403, 404, 405, 413, 422}, answer.text
    assert await seen(room, hold_id) == before


@pytest.fixture(scope="module")
def description(room: Room) -> Mapping[str, Any]:
    found: Mapping[str, Any] = room.app.openapi()
    return found


@given(data=st.data())
def test_no_call_is_our_fault_or_changes_what_was_refused(
    room: Room, description: Mapping[str, Any], data: st.DataObject
) -> None:
    """Every answer is one that the description tells; errors have its shape and quote nothing; content never leaves."""
    asyncio.run(call(room, data.draw(calls(description))))


@settings(max_examples=settings.default.max_examples // 3)  # a page opens the message
@given(asked=visits())
def test_no_page_breaks_and_no_form_of_others_changes_anything(room: Room, asked: Asked) -> None:
    """What is not from a page of ours decides nothing, whoever is logged in."""
    asyncio.run(visit(room, asked))
