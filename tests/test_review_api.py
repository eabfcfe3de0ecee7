"""The JSON API: what a program may rely on."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from review_room import ACME, BETA, SENTENCE, Room, furnished

from gateway.actor import Actor
from gateway.audit.verify import verify
from rules.verdict import Obstacle, PartReport, Status


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with furnished(tmp_path_factory.mktemp("api")) as opened:
        yield opened


async def test_the_list_tells_whose_people_and_how_many(room: Room) -> None:
    """A script that pages somebody needs the sentence and the count, nothing else."""
    hold_id = await room.hold()
    async with room.call("otto") as client:
        items = (await client.get("/api/v1/held", params={"state": "held"})).json()["items"]

    mine = next(item for item in items if item["id"] == hold_id)
    assert mine["sentence"] == SENTENCE
    assert (mine["state"], mine["people"], mine["by_state"]) == ("held", 30, {"NC": 10, "MA": 20})


async def test_the_list_says_when_people_could_not_be_counted(room: Room) -> None:
    """Unknown is not clean: a zero beside an unopened part is a lower bound."""
    locked = PartReport(
        part="2", filename="a.zip", type="application/zip", size=9, status=Status.UNOPENED, reason=Obstacle.ENCRYPTED
    )
    hold_id = await room.hold(parts=(locked,))
    async with room.call("rita") as client:
        items = (await client.get("/api/v1/held")).json()["items"]

    assert next(item for item in items if item["id"] == hold_id)["not_inspected"] == 1


async def test_pages_of_the_list_meet_without_gap_or_overlap(room: Room) -> None:
    """A message between two pages would wait for ever."""
    for _ in range(5):
        await room.hold()
    wanted = [message.id for message in await room.quarantine.list(limit=1000)]
    seen: list[str] = []
    page: dict[str, Any] = {"next": ""}
    async with room.call("rita") as client:
        while page["next"] is not None:
            asked = {"limit": 2, "state": "held"} | ({"before": page["next"]} if page["next"] else {})
            page = (await client.get("/api/v1/held", params=asked)).json()
            seen += [item["id"] for item in page["items"]]

    assert seen == wanted


async def test_one_message_with_verdict_recipients_and_history(room: Room) -> None:
    """Everything a decision needs, in the contract's own words, and no content."""
    hold_id = await room.hold(BETA, ACME)
    async with room.call("otto") as client:
        held = (await client.get(f"/api/v1/held/{hold_id}")).json()

    assert held["verdict"]["hold_id"] == hold_id
    assert held["verdict"]["people"]["count"] == 30
    assert [(r["address"], r["state"]) for r in held["recipients"]] == [(BETA, "held"), (ACME, "held")]
    assert [record["event"] for record in held["history"]] == ["held"]
    assert "Lambert" not in json.dumps(held)


async def test_release_to_chosen_recipients_leaves_the_others_held(room: Room) -> None:
    """The right client gets his mail now; the wrong one still does not."""
    hold_id = await room.hold(BETA, ACME)
    async with room.call("rita") as client:
        answer = await client.post(
            f"/api/v1/held/{hold_id}/release", json={"recipients": [ACME], "note": "It is Acme's list."}
        )

    assert answer.status_code == 200
    assert {r["address"]: r["state"] for r in answer.json()["recipients"]} == {BETA: "held", ACME: "releasing"}
    assert await room.events(hold_id) == ["held by countersign", "release by rita-script"]


async def test_return_gives_it_back_to_the_sender(room: Room) -> None:
    hold_id = await room.hold()
    async with room.call("rita") as client:
        answer = await client.post(f"/api/v1/held/{hold_id}/return", json={"note": "Wrong client."})

    assert (answer.status_code, answer.json()["state"]) == (200, "returning")


@pytest.mark.parametrize(("first", "second"), [("release", "release"), ("release", "return"), ("return", "release")])
async def test_a_second_decision_is_refused(room: Room, first: str, second: str) -> None:
    """One disposition exactly, however often a script tries."""
    hold_id = await room.hold()
    async with room.call("rita") as client:
        await client.post(f"/api/v1/held/{hold_id}/{first}", json={"note": "once"})
        again = await client.post(f"/api/v1/held/{hold_id}/{second}", json={"note": "twice"})

    assert again.status_code == 409
    assert len(await room.events(hold_id)) == 2


async def test_of_many_decisions_at_once_one_counts(room: Room) -> None:
    """Two reviewers press at the same moment: one disposition, one record."""
    hold_id = await room.hold()
    async with room.call("rita") as rita, room.call("ada") as ada:
        verbs = [(rita, "release"), (ada, "return")] * 8
        answers = await asyncio.gather(
            *(who.post(f"/api/v1/held/{hold_id}/{verb}", json={"note": "mine"}) for who, verb in verbs)
        )

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 15
    assert len(await room.events(hold_id)) == 2


@pytest.mark.parametrize("verb", ["release", "return"])
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"note": ""},
        {"note": "  \n "},
        {"note": "x" * 2001},
        {"note": 7},
        {"note": "fine", "recipients": []},
        {"note": "fine", "recipients": ["somebody.else@beta.example"]},
        {"note": "fine", "recipients": "benefits@beta.example"},
        {"note": "fine", "everybody": True},
        [],
    ],
)
async def test_a_decision_without_a_note_or_for_strangers_is_refused(room: Room, verb: str, body: object) -> None:
    """Who says nothing has not looked; who is not a recipient cannot become one here."""
    hold_id = await room.hold()
    async with room.call("rita") as client:
        answer = await client.post(f"/api/v1/held/{hold_id}/{verb}", json=body)

    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)
    assert (await room.quarantine.get(hold_id)).state == "held"


async def test_an_error_does_not_quote_what_was_sent(room: Room) -> None:
    """A note may hold what should not have been written into it."""
    hold_id = await room.hold()
    async with room.call("rita") as client:
        answer = await client.post(f"/api/v1/held/{hold_id}/release", json={"note": ["219-09-9998"]})
        broken = await client.post(
            f"/api/v1/held/{hold_id}/release",
            content=b'{"note": "219-09-9998',
            headers={"Content-Type": "application/json"},
        )
        strange = await client.post(f"/api/v1/held/{hold_id}/release", json={"note": "fine", "219-09-9998": True})

    assert (answer.status_code, broken.status_code, strange.status_code) == (422, 422, 422)
    assert "219-09-9998" not in answer.text + broken.text + strange.text
    assert "unknown key" in strange.text


@pytest.mark.parametrize("hold_id", ["", "01ARZ3NDEKTSV4RRFFQ69G5FAV", "x", "%00", "..%2f..", "a" * 300])
async def test_what_is_not_there_is_404(room: Room, hold_id: str) -> None:
    async with room.call("rita") as client:
        answers = [
            await client.get(f"/api/v1/held/{hold_id}"),
            await client.post(f"/api/v1/held/{hold_id}/release", json={"note": "n"}),
            await client.post(f"/api/v1/held/{hold_id}/return", json={"note": "n"}),
        ]

    assert {answer.status_code for answer in answers} == {404}
    assert all(set(answer.json()) == {"detail"} for answer in answers)


async def test_a_notice_of_ours_is_not_held_mail(room: Room) -> None:
    """Our own letters lie in the same store; nobody may release or read them as messages."""
    hold_id = await room.hold()
    async with room.call("rita") as client:
        ids = [item["id"] for item in (await client.get("/api/v1/held", params={"limit": 200})).json()["items"]]

    assert hold_id in ids
    assert len(ids) == len([i async for i in _held_events(room)])


async def _held_events(room: Room) -> AsyncIterator[str | None]:
    async for record in room.audit.records():
        if record.event == "held":
            yield record.hold_id


async def test_the_audit_log_comes_out_as_it_is_stored(room: Room) -> None:
    """What is downloaded must be what `audit verify` can check."""
    await room.hold()
    async with room.call("otto") as client:
        answer = await client.get("/api/v1/audit")

    lines = answer.content.splitlines(keepends=True)
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert verify(lines) is None
    assert json.loads(lines[-1])["event"] == "held"


async def test_the_audit_log_of_a_stretch_of_time(room: Room) -> None:
    async with room.call("otto") as client:
        later = await client.get("/api/v1/audit", params={"since": "2100-01-01T00:00:00Z"})
        earlier = await client.get("/api/v1/audit", params={"until": "2001-01-01"})
        basic = await client.get("/api/v1/audit", params={"since": "21000101"})
        wrong = [
            await client.get("/api/v1/audit", params={"since": text}) for text in ("yesterday", "0.5", "1767225600")
        ]

    assert (later.content, earlier.content, basic.content) == (b"", b"", b"")
    assert {answer.status_code for answer in wrong} == {422}


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer nonsense", "Bearer cs_\x7f", "Basic cml0YTp4", "bearer  x"])
async def test_a_wrong_token_is_401(room: Room, header: str) -> None:
    async with room.call() as client:
        answer = await client.get("/api/v1/held", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_revoked_token_is_401_at_once(room: Room) -> None:
    token = await room.accounts.add_token("gone", "reviewer", room.now())
    await room.accounts.revoke_token("gone", room.now(), Actor("ada"))
    async with room.call() as client:
        answer = await client.get("/api/v1/held", headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 401


async def test_health_says_nothing_of_mail(room: Room) -> None:
    """Probes come without a login, so they may learn nothing."""
    hold_id = await room.hold()
    room.missing["inspector"] = "no worker can be had"
    async with room.call() as client:
        health, ready, metrics = [await client.get(path) for path in ("/healthz", "/readyz", "/metrics")]
    room.missing.clear()

    assert (health.status_code, ready.status_code, metrics.status_code) == (200, 503, 200)
    assert ready.json() == {"ready": False, "missing": {"inspector": "no worker can be had"}, "warnings": {}}
    assert hold_id not in health.text + ready.text + metrics.text


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_load_balancer_may_ask_by_head(room: Room, path: str) -> None:
    """RFC 9110 9.3.2: the same answer without its words."""
    async with room.call() as client:
        answer = await client.head(path)

    assert (answer.status_code, answer.text) == (200, "")


async def test_the_description_of_the_api_tells_every_error(room: Room) -> None:
    """A client generated from it must know what can come back."""
    async with room.call() as client:
        paths = (await client.get("/openapi.json")).json()["paths"]

    assert "HTTPValidationError" not in json.dumps(paths)
    release = paths["/api/v1/held/{hold_id}/release"]["post"]
    assert set(release["responses"]) == {"200", "400", "401", "403", "404", "409", "413", "422", "503"}
    assert release["responses"]["422"]["content"]["application/json"]["schema"]["$ref"].endswith("/Problem")
    assert release["security"] == [{"HTTPBearer": []}]
    assert not any(path.startswith(("/held", "/login")) for path in paths)


@pytest.mark.parametrize(
    ("size", "headers"),
    [
        (70_000, {}),
        (10, {"Transfer-Encoding": "chunked"}),
        (10, {"Content-Length": "-1"}),
        (10, {"Content-Length": "x"}),
    ],
)
async def test_a_request_without_end_is_refused_before_it_is_read(
    room: Room, size: int, headers: dict[str, str]
) -> None:
    """A web process that reads everything it is sent can be filled up by anybody."""
    async with room.call("rita") as client:
        answer = await client.post("/api/v1/held/x/release", content=b"x" * size, headers=headers)

    assert answer.status_code == 413
