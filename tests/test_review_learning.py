"""The pages and the API of directory changes: offered where a hold was wrong, decided on by somebody else."""

import asyncio
from collections.abc import Iterator
from html import unescape
from secrets import token_hex
from typing import Any

import pytest
from review_room import BETA, SAM, Room, furnished

from gateway.audit.log import AuditLog

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with furnished(tmp_path_factory.mktemp("learning")) as opened:
        yield opened


def new_domain() -> str:
    """Of a client that has told nobody."""
    return f"x{token_hex(6)}.example"


async def proposed(room: Room, who: str = "rita") -> tuple[str, str]:
    """A domain, and where it was proposed as Acme's, by the form of a held message's page."""
    domain = new_domain()
    hold_id = await room.hold(f"hr@{domain}")
    async with room.visit(who) as visit:
        form = {"what": f"domain:{domain}", "client": "acme", "why": "they rang us"}
        answer = await visit.send(f"/held/{hold_id}/propose", **form)
    assert answer.status_code == 303, unescape(answer.text)
    return domain, answer.headers["location"].partition("?")[0]


async def test_the_page_of_a_held_message_offers_what_it_may_teach(room: Room) -> None:
    """An unknown recipient may be a client's after all; our own people need no change."""
    hold_id = await room.hold("hr@mail.acme-trust.example", "x@gmail.com", BETA, "ops@northwind.example", SAM)
    async with room.visit("rita") as visit, room.visit("otto") as otto:
        page = unescape((await visit.get(f"/held/{hold_id}")).text)
        read = (await otto.get(f"/held/{hold_id}")).text

    for offer in (
        'value="domain:mail.acme-trust.example">everybody at mail.acme-trust.example belongs to',
        'value="domain:acme-trust.example">everybody at acme-trust.example belongs to',
        'value="address:x@gmail.com">x@gmail.com alone belongs to',
        f'value="address:{BETA}">{BETA} alone belongs to',
        'value="acts-for:northwind">Northwind Benefit Administrators acts for',
        '<option value="acme">Acme Manufacturing, Inc.</option>',
    ):
        assert offer in page
    assert "domain:gmail.com" not in page
    assert f"address:{SAM}" not in page
    assert "Propose a change" not in read


async def test_two_people_change_the_directory(room: Room) -> None:
    """Rita proposes and can do no more; Sam wrote the message and can do nothing; Ada accepts."""
    domain, path = await proposed(room)
    async with (
        room.visit("rita") as rita,
        room.visit("sam") as sam,
        room.visit("ada") as ada,
        room.visit("otto") as otto,
    ):
        waiting = unescape((await ada.get("/proposals")).text)
        own = unescape((await rita.get(f"{path}?done=proposed")).text)
        assert "of the client directory</a> wait" in (await ada.get("/")).text
        for visit in (rita, sam, otto):
            assert (await visit.send(f"{path}/accept", note="yes")).status_code == 403
        unexplained = await ada.send(f"{path}/accept", note=" ")
        accepted = await ada.send(f"{path}/accept", note="I rang them as well")
        again = await ada.send(f"{path}/refuse", note="no")
        after = unescape((await otto.get(path)).text)

    assert f"{domain} belongs to Acme Manufacturing, Inc." in waiting
    assert "a second person has to agree" in own
    assert "Withdraw my proposal" in own
    assert ">Accept<" not in own
    assert unexplained.status_code == 422
    assert accepted.headers["location"] == f"{path}?done=accept"
    assert again.status_code == 409
    assert "Your role may read, but not decide." in after
    assert "change accepted" in after
    assert await AuditLog(room.quarantine._store).verify() is None


async def test_what_is_in_force_is_listed_and_ended_by_two(room: Room) -> None:
    domain, path = await proposed(room)
    async with room.visit("rita") as rita, room.visit("ada") as ada:
        await ada.send(f"{path}/accept", note="yes")
        assert domain in (await rita.get("/proposals?state=in-force")).text
        await ada.send(f"{path}/withdraw", note="they sold it")
        asked = unescape((await ada.get(path)).text)
        second = unescape((await rita.get(path)).text)
        assert (await ada.send(f"{path}/withdraw", note="again")).status_code == 403
        await rita.send(f"{path}/withdraw", note="so they did")
        assert domain not in (await rita.get("/proposals?state=in-force")).text
        assert domain in (await rita.get("/proposals?state=all")).text

    assert ("Withdraw it" in asked, "Withdraw it" in second) == (False, True)


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ({"client": "acme", "why": " "}, "has to say why"),
        ({"client": "acme", "what": "everything:x"}, "everything has to be filled in"),
        ({"client": "acme", "what": "domain:elsewhere.example"}, "nothing to do with the recipients"),
        ({"client": "acme", "other": "Gamma Foods"}, "no client or partner of this id or name"),
        ({}, "everything has to be filled in"),
    ],
)
async def test_a_form_that_cannot_be_is_shown_again(room: Room, form: dict[str, Any], says: str) -> None:
    domain = new_domain()
    hold_id = await room.hold(f"hr@{domain}")
    async with room.visit("rita") as visit:
        answer = await visit.send(f"/held/{hold_id}/propose", **({"what": f"domain:{domain}", "why": "so"} | form))

    assert answer.status_code == 422
    assert says in unescape(answer.text)
    assert not await room.proposals.list(hold_id=hold_id)


async def test_another_client_is_named_as_the_directory_has_it(room: Room) -> None:
    """The message was about Acme; the recipient turns out to be Beta's."""
    domain = new_domain()
    hold_id = await room.hold(f"hr@{domain}")
    async with room.visit("rita") as visit:
        form = {"what": f"domain:{domain}", "client": "acme", "other": "beta logistics llc", "why": HOSTILE}
        await visit.send(f"/held/{hold_id}/propose", **form)
        (made,) = await room.proposals.list(hold_id=hold_id)
        pages = [(await visit.get(path)).text for path in ("/proposals", f"/proposals/{made.id}", f"/held/{hold_id}")]

    assert made.addition.party == "beta"
    assert not any(HOSTILE in page for page in pages)


async def test_a_link_to_a_change_survives_the_login(room: Room) -> None:
    _, path = await proposed(room)
    async with room.visit() as nobody:
        answer = await nobody.get(path)

    assert answer.headers["location"] == f"/login?after={path}"


async def test_by_api(room: Room) -> None:
    """A program proposes, a program of somebody else decides."""
    domain = new_domain()
    hold_id = await room.hold(f"hr@{domain}", "x@gmail.com")
    said = {"hold_id": hold_id, "add": "domain", "value": domain, "to": "acme", "note": "they rang us"}
    async with room.call("rita") as rita, room.call("ada") as ada, room.call("otto") as otto, room.call("sam") as sam:
        made = await rita.post("/api/v1/proposals", json=said)
        twice = await ada.post("/api/v1/proposals", json=said)
        webmail = await rita.post("/api/v1/proposals", json=said | {"value": "gmail.com"})
        nothing = await rita.post("/api/v1/proposals", json=said | {"hold_id": "none"})
        mine = await sam.post("/api/v1/proposals", json=said)
        path = f"/api/v1/proposals/{made.json()['id']}"
        statuses = [(await who.post(f"{path}/accept", json={"note": "yes"})).status_code for who in (rita, otto, sam)]
        shown = (await otto.get(path)).json()
        accepted = await ada.post(f"{path}/accept", json={"note": "yes"})
        listed = (await otto.get("/api/v1/proposals", params={"state": "accepted"})).json()["items"]

    assert (made.status_code, twice.status_code, nothing.status_code, mine.status_code) == (201, 409, 404, 403)
    assert (webmail.status_code, "webmail" in webmail.json()["detail"]) == (422, True)
    assert statuses == [403, 403, 403]
    assert (shown["state"], shown["add"], shown["value"], shown["to"]) == ("proposed", "domain", domain, "acme")
    assert (accepted.json()["state"], accepted.json()["decided"]["by"]) == ("accepted", "ada-script")
    assert made.json()["id"] in {item["id"] for item in listed}


async def test_of_many_decisions_at_once_one_counts(room: Room) -> None:
    _, path = await proposed(room)
    async with room.call("ada") as ada:  # who has not proposed it
        says = ["accept", "refuse"] * 4
        answers = await asyncio.gather(*(ada.post(f"/api/v1{path}/{say}", json={"note": "mine"}) for say in says))

    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
