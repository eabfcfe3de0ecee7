"""The review room in a real Chromium: a reviewer's way by mouse and by keyboard, and hostile mail that stays text."""

import asyncio
import threading
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright
from review_room import BETA, LIST, PASSWORD, SENTENCE, Room, a_message, furnished
from test_review_picture import LINES, ROWS, typed, with_file

from gateway.actor import Actor
from gateway.review.viewed import SIDE
from rules.additions import Addition, Key
from rules.verdict import Finding, PartReport, Reason, Status

CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
HOSTILE = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\"><svg onload=alert(1)>"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with furnished(tmp_path_factory.mktemp("browser")) as opened:
        yield opened


@pytest.fixture(scope="module")
def site(room: Room) -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(room.app, port=0, access_log=False, log_config=None, lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser, site: str) -> Iterator[Page]:
    """A fresh profile; whatever the browser complains about fails the test."""
    context = browser.new_context(base_url=site)
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: None if request.url.startswith(site) else complaints.append(request.url))
    yield opened
    context.close()
    assert complaints == []


def done(work: Coroutine[Any, Any, Any]) -> Any:
    """Playwright keeps an event loop of its own in this thread."""
    with ThreadPoolExecutor(1) as elsewhere:
        return elsewhere.submit(asyncio.run, work).result()


def log_in(page: Page, name: str = "rita") -> None:
    page.goto("/")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Waiting for a second person")


def states(room: Room, hold_id: str) -> list[str]:
    return [recipient.state for recipient in done(room.quarantine.get(hold_id)).recipients]


def test_a_reviewer_logs_in_looks_and_releases(room: Room, page: Page) -> None:
    """The way through the room, as it is meant."""
    hold_id = done(room.hold())
    log_in(page)
    page.goto(f"/held/{hold_id}")

    expect(page.get_by_role("heading", level=1)).to_have_text(SENTENCE)
    expect(page.locator(".sheet")).to_contain_text(f"***-**-{LIST[1][0][-4:]}")
    page.get_by_label("benefits@beta.example").check()
    page.get_by_label("Note").fill("Beta bought Acme last week.")
    page.get_by_role("button", name="Release to those ticked").click()

    expect(page.get_by_role("status")).to_contain_text("Released.")
    assert states(room, hold_id) == ["releasing"]


def test_by_keyboard_alone(room: Room, page: Page) -> None:
    """Who reviews forty a day does not use a mouse."""
    hold_id = done(room.hold())
    log_in(page)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/held/{hold_id}")
    page.keyboard.press("n")
    page.keyboard.type("Just return it.")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_contain_text("Returned.")
    assert states(room, hold_id) == ["returning"]


def test_two_people_teach_the_directory_by_keyboard(room: Room, page: Page, browser: Browser, site: str) -> None:
    """The second one needs neither a mouse nor scripts."""
    hold_id = done(room.hold("hr@acme-trust.example"))
    log_in(page)
    page.goto(f"/held/{hold_id}")
    page.get_by_text("Propose a change").focus()
    page.keyboard.press("Enter")
    page.get_by_label("What is so").select_option("everybody at acme-trust.example belongs to")
    page.get_by_label("How you know").fill("They rang us.")
    page.get_by_role("button", name="Propose to a second person").click()
    expect(page.get_by_role("status")).to_contain_text("once a second person has accepted it")
    expect(page.get_by_role("button", name="Accept")).to_have_count(0)

    with browser.new_context(base_url=site, java_script_enabled=False) as context:
        other = context.new_page()
        log_in(other, "ada")
        other.get_by_role("link", name="Directory changes").click()
        other.get_by_role("link", name="acme-trust.example belongs to Acme Manufacturing, Inc.").click()
        other.get_by_label("Note").fill("I rang them, too.")
        other.get_by_role("button", name="Accept").click()
        expect(other.get_by_role("status")).to_contain_text("Accepted.")

    assert [change.stage for change in done(room.proposals.list(hold_id=hold_id))] == ["accepted"]


def test_it_works_without_scripts(room: Room, browser: Browser, site: str) -> None:
    hold_id = done(room.hold())
    with browser.new_context(base_url=site, java_script_enabled=False) as context:
        page = context.new_page()
        log_in(page)
        page.goto(f"/held/{hold_id}")
        page.get_by_label("Note").fill("Wrong client.")
        page.get_by_role("button", name="Return all to the sender").click()

        expect(page.get_by_role("status")).to_contain_text("Returned.")


def log_out(page: Page) -> None:
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Log in")


def decide(page: Page, button: str, note: str) -> None:
    page.get_by_label("Note").fill(note)
    page.get_by_role("button", name=button).click()


def test_two_people_agree_and_one_may_think_again(room: Room, page: Page) -> None:
    """The first sees that it waits, and for whom; the second sees after whom he is."""
    two = Reason(rule="two-people", recipients=(BETA,), parts=("2",), text="Many people.", approvers=2)
    hold_id = done(room.hold(reasons=(two,)))
    decision = page.get_by_role("region", name="Decision")
    log_in(page)
    page.goto(f"/held/{hold_id}")
    expect(decision).to_contain_text("The policy asks 2 reviewers to agree")
    page.get_by_label(BETA).check()
    decide(page, "Release to those ticked", "It is theirs.")
    expect(decision.get_by_role("note")).to_have_text("Waiting for another reviewer. Agreed to release it: rita.")
    decide(page, "Withdraw my agreement", "I looked again.")
    expect(page.get_by_role("status")).to_contain_text("withdrawn")
    expect(decision.get_by_role("note")).to_have_count(0)
    decide(page, "Escalate to another reviewer", "Whose is it?")
    expect(decision.get_by_role("note")).to_contain_text("Escalated by rita: somebody else has to release it.")
    expect(page.get_by_role("button", name="Release to those ticked")).to_be_disabled()
    log_out(page)
    log_in(page, "ada")
    first = page.locator(".queue .row").first
    expect(first).to_contain_text("Escalated by rita")
    first.locator(".cover").click()
    page.get_by_label(BETA).check()
    decide(page, "Release to those ticked", "Beta bought Acme.")
    expect(decision.get_by_role("note").last).to_have_text("Waiting for another reviewer. Agreed to release it: ada.")
    assert states(room, hold_id) == ["held"]
    decide(page, "Return all to the sender", "It is not theirs.")

    expect(page.get_by_role("status")).to_contain_text("Returned.")
    assert states(room, hold_id) == ["returning"]


def test_values_are_one_reason_away_and_rows_one_link(room: Room, page: Page) -> None:
    """By keyboard, from the place of a finding to its rows, on to the next, and to the values of those."""
    rows = [("Part", "Colour")] + [(f"Bracket {n}", "red") for n in range(700)] + [("", "")] + LIST
    found = Finding(
        entity="US_SSN", part="2", where="A704:A733", count=30, distinct=30, confidence=0.95, sample="***-**-0001"
    )
    hold_id = done(room.hold(raw=a_message(rows=rows), findings=(found,)))
    log_in(page)
    page.goto(f"/held/{hold_id}?part=1&content=0&rows=1-200")
    for _ in range(3):
        page.get_by_role("link", name="Next", exact=True).press("Enter")
    expect(page.locator(".turns").first).to_contain_text("Rows 601 to 733 of 733")
    page.get_by_role("link", name="A704:A733").press("Enter")
    expect(page.locator(".sheet .found").first).to_have_text(f"***-**-{LIST[1][0][-4:]}")
    page.keyboard.press("v")
    page.keyboard.press("Enter")
    page.get_by_label("Reason").fill("Which of two people is meant?")
    page.get_by_label("Reason").press("Enter")

    expect(page.locator(".sheet .found").first).to_have_text(LIST[1][0])
    assert LIST[1][0] not in page.url
    page.get_by_role("link", name="Mask them again").click()
    expect(page.locator(".sheet .found").first).to_have_text(f"***-**-{LIST[1][0][-4:]}")


def test_a_page_is_a_picture_when_it_is_asked_for(room: Room, page: Page) -> None:
    """By keyboard; until then nothing is drawn, and nothing put on record."""
    report = PartReport(part="2", filename="a.pdf", type="application/pdf", size=9, status=Status.OPENED, reason=None)
    hold_id = done(room.hold(raw=with_file(typed(*LINES, *ROWS), ("application", "pdf")), parts=(report,), findings=()))
    page.set_viewport_size({"width": 360, "height": 800})
    log_in(page)
    page.goto(f"/held/{hold_id}")
    asked_before = done(room.events(hold_id)).count("viewed by rita")
    page.locator(".drawn summary").press("Enter")
    expect(page.locator(".drawn img")).to_have_js_property("naturalWidth", SIDE)

    assert asked_before == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_hostile_mail_runs_nothing_and_calls_nobody(room: Room, page: Page) -> None:
    """The sender chooses every word of a message; none of them may act in a reviewer's browser."""
    report = PartReport(part="2", filename=HOSTILE, type="text/csv", size=1, status=Status.OPENED, reason=None)
    raw = a_message(filename="a.csv", subject=HOSTILE, cell=HOSTILE)
    hold_id = done(room.hold(raw=raw, sentence=HOSTILE, parts=(report,)))
    log_in(page)
    for path in ("/", f"/held/{hold_id}?part=0", f"/held/{hold_id}?part=header", "/audit"):
        page.goto(path)
        assert "owned" not in page.title()
        assert page.locator("main script, main img, main svg").count() == 0


@pytest.mark.parametrize("width", [360, 1280])
def test_no_page_is_wider_than_the_window(room: Room, page: Page, width: int) -> None:
    """Wide tables scroll in their own frame, and a sender's words break, those of an earlier message too."""
    endless = "endless" * 20
    done(room.hold(sentence=endless))
    stranger = f"{endless[:50]}{width}@other.example"
    raw = a_message(filename=f"{endless}.csv", subject=endless, cell=endless)
    hold_id = done(room.hold(stranger, raw=raw, sentence=endless))
    addition = Addition(key=Key.ADDRESS, value=stranger, party="acme")
    change = done(room.proposals.propose(hold_id, addition, Actor("ada"), endless, room.now()))
    page.set_viewport_size({"width": width, "height": 800})
    log_in(page)
    rows = f"/held/{hold_id}?part=1&content=0&rows=3-9"
    for path in ("/", f"/held/{hold_id}", rows, "/audit", "/proposals", f"/proposals/{change.id}"):
        page.goto(path)
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
