"""The pages as Rita sees them: the sentence first, the people counted, the content masked, one decision."""

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape

import pytest
from PIL import Image
from review_room import ACME, BETA, LIST, SAM, SENTENCE, Room, a_message, furnished
from test_review_picture import LINES, ROWS, page_of, typed, with_file

from gateway.actor import Actor
from gateway.errors import InspectorError
from gateway.message import Envelope
from gateway.store.mail import new_id
from rules.verdict import Finding, Obstacle, PartReport, People, Status

NOW = datetime(2026, 11, 28, 16, 29, tzinfo=UTC)
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'{{7*7}}</title></textarea>"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with furnished(tmp_path_factory.mktemp("pages")) as opened:
        yield opened


@pytest.fixture
def empty_room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with furnished(tmp_path_factory.mktemp("empty")) as opened:
        yield opened


async def test_the_queue_says_why_without_a_click(room: Room) -> None:
    hold_id = await room.hold()
    async with room.visit("rita") as visit:
        page = unescape((await visit.get("/")).text)

    assert f'href="/held/{hold_id}"' in page
    assert SENTENCE in page
    assert "MA 20 · NC 10" in page


async def test_an_empty_queue_says_so(empty_room: Room) -> None:
    async with empty_room.visit("rita") as visit:
        page = (await visit.get("/")).text

    assert "Nothing is waiting" in page


async def test_what_was_found_is_shown_though_nobody_could_be_counted(room: Room) -> None:
    """A routing number in a file that was read in part says more than the file's name does."""
    found = Finding(
        entity="US_BANK_NUMBER", part="2", where="C7", count=1, distinct=1, confidence=0.9, sample="*****21"
    )
    hold_id = await room.hold(people=People(), findings=(found,))
    async with room.visit("rita") as visit:
        page = (await visit.get(f"/held/{hold_id}")).text

    assert "Nobody counted" in page
    assert "*****21" in page
    assert "By state of residence" not in page


async def test_the_queue_can_be_filtered_by_state(room: Room) -> None:
    hold_id = await room.hold()
    await room.quarantine.release(hold_id, None, Actor("rita"), "It is theirs.", room.now())
    async with room.visit("rita") as visit:
        waiting = (await visit.get("/?state=waiting")).text
        released = (await visit.get("/?state=released")).text
        odd = await visit.get("/?state=<script>")

    assert hold_id not in waiting
    assert hold_id in released
    assert odd.status_code == 200
    assert "<script>" not in odd.text.replace('<script src="/static/keys.js" defer>', "")


async def test_the_message_page_states_the_contradiction(room: Room) -> None:
    """Whose people, whose mail, how many, from which states: all of it above the decision."""
    hold_id = await room.hold()
    async with room.visit("rita") as visit:
        page = unescape((await visit.get(f"/held/{hold_id}")).text)

    places = [
        page.index(words) for words in (SENTENCE, "Whose data it is", "30 people</h2>", "Why it is held", "Decision")
    ]
    assert places == sorted(places)
    assert "Acme Manufacturing, Inc." in page[places[1] :]
    assert "owner-not-recipient" in page
    assert re.search(r"NC</th><td class=\"number\">10<", page)


async def test_the_attachment_is_shown_masked(room: Room) -> None:
    hold_id = await room.hold()
    async with room.visit("rita") as visit:
        page = (await visit.get(f"/held/{hold_id}")).text

    assert f"***-**-{LIST[1][0][-4:]}" in page
    assert not any(row[0] in page for row in LIST[1:])
    assert page.count('class="found"') >= 30


@pytest.mark.parametrize("part", ["0", "1", "header", "7", "-1", "x", ""])
async def test_any_part_can_be_asked_for(room: Room, part: str) -> None:
    hold_id = await room.hold()
    async with room.visit("rita") as visit:
        answer = await visit.get(f"/held/{hold_id}?part={part}")

    assert answer.status_code == 200
    assert "Opened and masked" in answer.text


async def test_a_pages_picture_is_offered_and_the_look_is_on_record(room: Room) -> None:
    """As PNG of our own making, kept by nobody; a page that is not drawn says why."""
    report = PartReport(part="2", filename="a.pdf", type="application/pdf", size=9, status=Status.OPENED, reason=None)
    raw = with_file(typed(*LINES, *ROWS), ("application", "pdf"))
    hold_id = await room.hold(raw=raw, parts=(report,), findings=())
    async with room.visit("rita") as visit:
        page = (await visit.get(f"/held/{hold_id}?part=0")).text
        source = f"/held/{hold_id}/picture?part=0&content={page_of(raw)}"
        answer, none = await visit.get(source), await visit.get(f"/held/{hold_id}/picture?part=0&content=99")

    assert f'src="{source.replace("&", "&amp;")}"' in page
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert (picture.format, picture.info) == ("PNG", {})
    assert none.status_code == 422
    assert "no picture of this page: there is no such page" in none.text
    records = [record.detail async for record in room.audit.records(hold_id=hold_id) if record.event == "viewed"]
    assert {**records[1]} == {"shown": "part 1 of 1", "as": "picture", "table-or-text": page_of(raw) + 1}


async def test_what_this_sender_had_held_for_these_recipients_before_is_told(empty_room: Room) -> None:
    """The third wrong file to the same client in a month is another decision than the first."""
    stranger = await empty_room.hold("hr@kestrel.example")
    first = await empty_room.hold()
    await empty_room.quarantine.release(first, None, Actor("rita"), "It is theirs.", empty_room.now())
    second = await empty_room.hold()
    async with empty_room.visit("rita") as visit:
        page = unescape((await visit.get(f"/held/{second}")).text)
        alone = unescape((await visit.get(f"/held/{first}")).text)

    told = page.partition('id="earlier"')[2].partition('id="history"')[0]
    assert f'href="/held/{first}"' in told
    assert SENTENCE in told
    assert stranger not in told
    assert second not in told
    assert "Nothing was held before." in alone


async def test_an_uninspected_part_is_not_shown_as_clean(room: Room) -> None:
    """Nobody has looked: the page may not say "0 people"."""
    locked = PartReport(
        part="2", filename="a.zip", type="application/zip", size=9, status=Status.UNOPENED, reason=Obstacle.ENCRYPTED
    )
    hold_id = await room.hold(parts=(locked,), people=People(), findings=())
    async with room.visit("rita") as visit:
        page = (await visit.get(f"/held/{hold_id}")).text

    assert "not known" in page
    assert "encrypted, so nobody has looked inside" in page


async def test_release_goes_to_those_ticked(room: Room) -> None:
    hold_id = await room.hold(BETA, ACME)
    async with room.visit("rita") as visit:
        answer = await visit.send(f"/held/{hold_id}/release", recipients=[ACME], note="Acme may have it.")
        page = (await visit.get(answer.headers["location"])).text

    states = {r.address: r.state for r in (await room.quarantine.get(hold_id)).recipients}
    assert answer.status_code == 303
    assert states == {BETA: "held", ACME: "releasing"}
    assert "Released." in page
    assert "release by rita" in await room.events(hold_id)


async def test_what_is_escalated_comes_first_and_says_by_whom(room: Room) -> None:
    """Somebody is waiting for an answer; and who escalated it cannot release it any more."""
    oldest, newer, newest = [await room.hold() for _ in range(3)]
    async with room.visit("rita") as rita, room.visit("ada") as ada, room.call("ada") as script:
        answer = await rita.send(f"/held/{oldest}/escalate", note="Whose is it?")
        assert answer.headers["location"].endswith("done=escalate")
        page = unescape((await ada.get("/")).text)
        assert page.index(oldest) < page.index(newest) < page.index(newer)
        assert page.count("Escalated by rita") == 1
        alone = (await ada.get("/?state=escalated")).text
        assert (oldest in alone, newest in alone) == (True, False)
        assert (
            'button class="main" name="decision" value="release" disabled' in (await rita.get(f"/held/{oldest}")).text
        )
        assert "Escalated by rita: somebody else has to release it." in (await ada.get(f"/held/{oldest}")).text
        assert (await rita.send(f"/held/{oldest}/release", note="Whose is it?", recipients=[BETA])).status_code == 409
        [item] = (await script.get("/api/v1/held", params={"escalated": "true"})).json()["items"]
        assert (item["id"], item["state"], item["escalated"]) == (oldest, "held", ["rita"])
        some = {"note": "Whose is it?", "recipients": [BETA]}
        assert (await script.post(f"/api/v1/held/{newer}/escalate", json=some)).status_code == 422
        assert (await ada.send(f"/held/{oldest}/release", note="Whose is it?", recipients=[BETA])).status_code == 303
        assert oldest not in (await ada.get("/?state=escalated")).text


async def test_return_takes_everybody_who_waits(room: Room) -> None:
    """Ticks are for releasing; a return must not leave half of it behind by accident."""
    hold_id = await room.hold(BETA, ACME)
    async with room.visit("rita") as visit:
        await visit.send(f"/held/{hold_id}/return", recipients=[ACME], note="Wrong client.")

    assert {r.state for r in (await room.quarantine.get(hold_id)).recipients} == {"returning"}


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({"note": "fine"}, "nobody was chosen"),
        ({"recipients": [BETA], "note": " "}, "has to say why"),
        ({"recipients": [BETA], "note": "x" * 2001}, "has to say why"),
        ({"recipients": ["stranger@evil.example"], "note": "fine"}, "not all of them are recipients"),
    ],
)
async def test_a_decision_that_lacks_something_is_asked_for_again(room: Room, form: dict, words: str) -> None:
    """And what was written is still there."""
    hold_id = await room.hold()
    async with room.visit("rita") as visit:
        answer = await visit.send(f"/held/{hold_id}/release", **form)

    assert answer.status_code == 422
    assert words in answer.text
    assert form["note"].strip() in answer.text
    assert (await room.quarantine.get(hold_id)).state == "held"


@pytest.mark.parametrize("second", ["release", "return"])
async def test_a_stale_page_decides_nothing(room: Room, second: str) -> None:
    """Two reviewers, one message: the second one is told, and nothing is done twice."""
    hold_id = await room.hold()
    async with room.visit("rita") as rita, room.visit("ada") as ada:
        await rita.send(f"/held/{hold_id}/release", recipients=[BETA], note="It is theirs.")
        late = await ada.send(f"/held/{hold_id}/{second}", recipients=[BETA], note="No.")

    assert late.status_code == 409
    assert "releasing" in late.text
    assert [event for event in await room.events(hold_id) if not event.startswith("viewed")] == [
        "held by countersign",
        "release by rita",
    ]


async def test_a_decided_message_offers_no_decision(room: Room) -> None:
    hold_id = await room.hold()
    await room.quarantine.return_(hold_id, Actor("rita"), "Wrong client.", room.now())
    async with room.visit("ada") as visit:
        page = (await visit.get(f"/held/{hold_id}")).text

    assert "Nothing is left to decide" in page
    assert 'id="note"' not in page


async def test_a_message_still_being_inspected_offers_no_decision(room: Room) -> None:
    """Nobody decides on what nobody has read; and the page has no verdict to invent."""
    hold_id = new_id(room.now())
    await room.quarantine.store_pending(Envelope(mail_from=SAM, rcpt_to=(BETA,)), a_message(), room.now(), hold_id)
    async with room.visit("rita") as visit:
        queue, page = await visit.get("/"), await visit.get(f"/held/{hold_id}")
        forced = await visit.send(f"/held/{hold_id}/release", recipients=[BETA], note="Now.")

    assert "Being inspected." in queue.text
    assert "still being inspected" in page.text
    assert "<textarea" not in page.text
    assert forced.status_code == 409


async def test_without_a_worker_the_verdict_is_still_there(room: Room) -> None:
    hold_id = await room.hold()
    room.inspector.fault = InspectorError("no worker can be had")
    async with room.visit("rita") as visit:
        answer = await visit.get(f"/held/{hold_id}")
    room.inspector.fault = None

    assert answer.status_code == 200
    assert "cannot be opened right now" in answer.text


@pytest.mark.parametrize("path", ["/held/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/held/x", "/nowhere", "/static/../app.py"])
async def test_what_is_not_there_is_a_plain_page(room: Room, path: str) -> None:
    async with room.visit("rita") as visit:
        answer = await visit.get(path)

    assert answer.status_code == 404
    assert "Back to the queue" in answer.text


async def test_hostile_words_are_only_words(room: Room) -> None:
    """File name, sentence, reason, address, cell, subject, note: whatever the sender writes, it is text."""
    raw = a_message(filename=f"a{HOSTILE}.csv", subject=HOSTILE, cell=HOSTILE)
    report = PartReport(
        part="2", filename=f"a{HOSTILE}.csv", type=HOSTILE, size=2000, status=Status.OPENED, reason=None
    )
    address = '"<script>alert(3)</script>"@beta.example'
    hold_id = await room.hold(address, raw=raw, sentence=HOSTILE, parts=(report,))
    async with room.visit("rita") as visit:
        pages = [
            (await visit.get("/")).text,
            (await visit.get(f"/held/{hold_id}?part=0")).text,
            (await visit.get(f"/held/{hold_id}?part=header")).text,
            (await visit.send(f"/held/{hold_id}/release", note=HOSTILE)).text,
            (await visit.get("/audit")).text,
        ]

    for page in pages:
        assert re.findall(r"<script[^>]*>", page) == ['<script src="/static/keys.js" defer>']
        assert "<img src=x" not in page
        assert "49</title>" not in page
        assert page.count("<title>") == page.count("</title>") == 1
    assert "&lt;script&gt;alert(1)" in pages[1]


async def test_the_audit_page_lists_the_latest_first(room: Room) -> None:
    first, second = await room.hold(), await room.hold()
    async with room.visit("otto") as visit:
        page = (await visit.get("/audit")).text

    assert page.index(second) < page.index(first)


async def test_an_error_of_ours_says_nothing_of_the_message(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    """An exception's text may quote content: neither page nor log repeats it."""
    hold_id = await room.hold()
    room.inspector.fault = ValueError("212-48-6397")
    async with room.visit("rita") as visit:
        answer = await visit.get(f"/held/{hold_id}")
    room.inspector.fault = None

    assert answer.status_code == 500
    assert "212-48-6397" not in answer.text + caplog.text
    assert "ValueError" in caplog.text
