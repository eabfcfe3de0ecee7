"""Who may do what: every route, tried by everybody, by every method. A route that this table does not name fails."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import pytest
from fastapi.routing import iter_route_contexts
from review_room import Room, furnished

from gateway.actor import Actor
from rules.additions import Addition
from rules.additions import Key as DirectoryKey

NUMBERS = count()
FORM: dict[str, object] = {"note": "seen", "reason": "seen", "recipients": ["benefits@beta.example"], "why": "seen"}
JSON: dict[str, object] = {"note": "seen", "recipients": None}

#: route: statuses for nobody, the auditor, the reviewer, the administrator
PAGES = {
    "GET /": (303, 200, 200, 200),
    "GET /login": (200, 200, 200, 200),
    "POST /login": (401, 401, 401, 401),
    "POST /logout": (303, 303, 303, 303),
    "GET /held/{hold_id}": (303, 200, 200, 200),
    "GET /held/{hold_id}/picture": (303, 403, 404, 404),  # none is named here
    "POST /held/{hold_id}/release": (303, 403, 303, 303),
    "POST /held/{hold_id}/return": (303, 403, 303, 303),
    "POST /held/{hold_id}/withdraw": (303, 403, 409, 409),  # nobody has agreed to anything here
    "POST /held/{hold_id}/escalate": (303, 403, 303, 303),
    "POST /held/{hold_id}/password": (303, 403, 422, 422),  # none is given here
    "POST /held/{hold_id}/unmask": (303, 403, 200, 200),
    "POST /held/{hold_id}/propose": (303, 403, 303, 303),
    "GET /proposals": (303, 200, 200, 200),
    "GET /proposals/{proposal_id}": (303, 200, 200, 200),
    "POST /proposals/{proposal_id}/{say}": (303, 403, 303, 403),  # Ada has proposed it
    "GET /audit": (303, 200, 200, 200),
    "GET /audit/export": (303, 200, 200, 200),
    "GET /healthz": (200, 200, 200, 200),
    "GET /readyz": (200, 200, 200, 200),
    "GET /metrics": (200, 200, 200, 200),
    "GET /openapi.json": (200, 200, 200, 200),
}
API = {
    "GET /api/v1/held": (401, 200, 200, 200),
    "GET /api/v1/held/{hold_id}": (401, 200, 200, 200),
    "POST /api/v1/held/{hold_id}/release": (401, 403, 200, 200),
    "POST /api/v1/held/{hold_id}/return": (401, 403, 200, 200),
    "POST /api/v1/held/{hold_id}/withdraw": (401, 403, 409, 409),
    "POST /api/v1/held/{hold_id}/escalate": (401, 403, 200, 200),
    "GET /api/v1/proposals": (401, 200, 200, 200),
    "POST /api/v1/proposals": (401, 403, 201, 201),
    "GET /api/v1/proposals/{proposal_id}": (401, 200, 200, 200),
    "POST /api/v1/proposals/{proposal_id}/{say}": (401, 403, 200, 403),
    "GET /api/v1/audit": (401, 200, 200, 200),
}
PEOPLE = ("", "otto", "rita", "ada")


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    folder: Path = tmp_path_factory.mktemp("rights")
    with furnished(folder) as opened:
        yield opened


def cases(table: dict[str, tuple[int, ...]]) -> list[tuple[str, str, int]]:
    return [(route, who, status) for route, row in table.items() for who, status in zip(PEOPLE, row, strict=True)]


def test_the_table_names_every_route(room: Room) -> None:
    """A page that was forgotten here would be a page that nobody has thought about."""
    routes = {
        f"{method} {route.path}"
        for route in iter_route_contexts(room.app.routes)
        for method in (route.methods or set()) - {"HEAD"}
    }

    assert routes == set(PAGES) | set(API)


@dataclass(frozen=True)
class Case:
    """A message to somebody new, and what Ada has proposed because of it."""

    hold_id: str
    stranger: str
    proposal_id: str = ""

    def path(self, route: str) -> str:
        path = route.split()[1].replace("{hold_id}", self.hold_id).replace("{say}", "accept")
        return path.replace("{proposal_id}", self.proposal_id)

    @property
    def proposed(self) -> dict[str, object]:
        return {"hold_id": self.hold_id, "add": "address", "value": self.stranger, "to": "acme", "note": "seen"}


async def case_for(room: Room, route: str, proposer: str = "ada") -> Case:
    stranger = f"new{next(NUMBERS)}@other.example"
    case = Case(await room.hold("benefits@beta.example", stranger), stranger)
    if "{proposal_id}" not in route:
        return case
    addition = Addition.of(DirectoryKey.ADDRESS, stranger, "acme")
    made = await room.proposals.propose(case.hold_id, addition, Actor(proposer), "seen", room.now())
    return replace(case, proposal_id=made.id)


@pytest.mark.parametrize(("route", "who", "status"), cases(PAGES))
async def test_pages(room: Room, route: str, who: str, status: int) -> None:
    """Deny by default: nobody sees a page, an auditor reads, a reviewer decides."""
    case = await case_for(room, route)
    form = FORM | {"what": f"address:{case.stranger}", "client": "acme"}
    async with room.visit(who) as visit:
        answer = await (
            visit.get(case.path(route)) if route.startswith("GET") else visit.send(case.path(route), **form)
        )

    assert answer.status_code == status
    if status == 303 and (route.startswith("GET") or not who):
        assert answer.headers["location"].startswith("/login")


@pytest.mark.parametrize(("route", "who", "status"), cases(API))
async def test_api(room: Room, route: str, who: str, status: int) -> None:
    """A token's role decides as a login's does."""
    case = await case_for(room, route, "ada-script")
    path = case.path(route)
    body = JSON if "/held/" in path else {"note": "seen"} if case.proposal_id else case.proposed
    async with room.call(who) as client:
        answer = await (client.get(path) if route.startswith("GET") else client.post(path, json=body))

    assert answer.status_code == status
    if status >= 400:
        assert set(answer.json()) == {"detail"}


@pytest.mark.parametrize("route", [*PAGES, *API])
async def test_no_other_method_does_anything(room: Room, route: str) -> None:
    """A link, an image or a prefetch must never decide."""
    table = PAGES if route in PAGES else API
    path = (await case_for(room, route)).path(route)
    known = {entry.split()[0] for entry in table if entry.split()[1] == route.split()[1]}
    async with room.visit("rita") as visit:
        visit.client.headers["Authorization"] = f"Bearer {room.tokens['rita']}"
        answers = {
            method: (await visit.client.request(method, path)).status_code
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE")
            if method not in known
        }

    assert set(answers.values()) <= {404, 405}


async def test_a_login_does_not_open_the_api(room: Room) -> None:
    """Else another site could use the browser's cookie there."""
    async with room.visit("rita") as visit:
        answer = await visit.get("/api/v1/held")

    assert answer.status_code == 401


async def test_an_auditor_sees_the_verdict_but_not_the_content(room: Room) -> None:
    """Counsel needs the record; the participants' file is none of his business."""
    hold_id = await room.hold()
    async with room.visit("otto") as visit:
        page = (await visit.get(f"/held/{hold_id}?part=1")).text

    assert "lists 30 people of Acme" in page
    assert "Your role sees verdicts and records, not content." in page
    assert "Lambert" not in page
    assert "First Name" not in page
    assert await room.events(hold_id) == ["held by countersign"]


async def test_a_reviewers_look_is_on_record(room: Room) -> None:
    """Who opened a list of participants is itself something to account for."""
    hold_id = await room.hold()
    async with room.visit("rita") as visit:
        await visit.get(f"/held/{hold_id}")

    assert await room.events(hold_id) == ["held by countersign", "viewed by rita"]


@pytest.mark.parametrize("verb", ["release", "escalate"])
async def test_the_sender_never_releases_his_own(room: Room, verb: str) -> None:
    """A second person has to look: that is the whole remedy."""
    hold_id = await room.hold()
    async with room.visit("sam") as visit, room.call("sam") as client:
        by_page = await visit.send(f"/held/{hold_id}/{verb}", **FORM)
        by_token = await client.post(f"/api/v1/held/{hold_id}/{verb}", json=JSON)

    assert (by_page.status_code, by_token.status_code) == (403, 403)
    assert (await room.quarantine.get(hold_id)).state == "held"
