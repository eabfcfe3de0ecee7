"""Logging in, staying in, and requests that only look like ours."""

import re
from collections.abc import Iterator
from datetime import timedelta

import httpx2
import pytest
from review_room import PASSWORD, SITE, Room, furnished

from gateway.actor import Actor


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with furnished(tmp_path_factory.mktemp("login")) as opened:
        yield opened


@pytest.fixture(scope="module")
def room_over_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with furnished(tmp_path_factory.mktemp("tls"), "https://review.recordkeeper.example/") as opened:
        yield opened


async def test_name_and_password_open_the_queue(room: Room) -> None:
    async with room.visit() as visit:
        answer = await visit.send("/login", name="rita", password=PASSWORD)
        queue = await visit.get("/")

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert queue.status_code == 200
    assert "rita" in queue.text


async def test_the_cookie_is_for_this_site_and_no_script(room: Room) -> None:
    async with room.visit() as visit:
        answer = await visit.send("/login", name="rita", password=PASSWORD)

    cookie = answer.headers["set-cookie"]
    assert re.match(r"countersign=[\w-]{40,};", cookie)
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))


async def test_over_tls_the_cookie_is_tied_to_the_host(room_over_tls: Room) -> None:
    """`__Host-` keeps a sister domain from planting a login here."""
    async with room_over_tls.visit() as visit:
        form = {"name": "rita", "password": PASSWORD}
        answer = await visit.client.post("/login", data=form, headers={"Origin": "https://review.recordkeeper.example"})

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-countersign=")
    assert {"Secure", "HttpOnly", "SameSite=strict", "Path=/"} <= set(cookie.split("; "))
    assert answer.headers["strict-transport-security"].startswith("max-age=")


@pytest.mark.parametrize(
    ("name", "password"), [("rita", "wrong"), ("nobody", PASSWORD), ("", ""), ("rita' --", "guess 7")]
)
async def test_a_wrong_login_says_no_more_than_that(room: Room, name: str, password: str) -> None:
    """Whether a name exists is nobody's business; what was typed is not repeated."""
    async with room.visit() as visit:
        answer = await visit.send("/login", name=name, password=password)

    assert answer.status_code == 401
    assert "Name and password do not match" in answer.text
    assert "set-cookie" not in answer.headers
    assert not password or password not in answer.text.replace("password", "")


async def test_guessing_is_slowed_down(room: Room) -> None:
    """After a few wrong ones even the right password waits."""
    async with room.visit() as visit:
        room.stopped = room.now()
        for _ in range(6):
            await visit.send("/login", name="ada", password="guess")
        right = await visit.send("/login", name="ada", password=PASSWORD)
        room.stopped = None

    assert right.status_code == 401


async def test_logging_out_ends_the_session_on_the_server(room: Room) -> None:
    """A copied cookie must be worth nothing afterwards."""
    async with room.visit("rita") as visit:
        copied = visit.client.cookies["countersign"]
        await visit.send("/logout")
        visit.client.cookies.set("countersign", copied)
        answer = await visit.get("/")

    assert answer.headers["location"] == "/login"


async def test_logging_in_again_ends_the_session_before(room: Room) -> None:
    """A cookie planted in the browser before the login must not live on."""
    async with room.visit("rita") as visit, room.visit() as planted:
        planted.client.cookies.set("countersign", visit.client.cookies["countersign"])
        await visit.send("/login", name="rita", password=PASSWORD)
        answer = await planted.get("/")

    assert answer.status_code == 303


async def test_a_login_ends_by_itself(room: Room) -> None:
    async with room.visit("rita") as visit:
        room.ahead = timedelta(hours=9)
        answer = await visit.get("/")
        room.ahead = timedelta()

    assert answer.headers["location"] == "/login"


async def test_a_removed_account_is_out_at_once(room: Room) -> None:
    await room.accounts.add_user("temp", "reviewer", PASSWORD, room.now())
    async with room.visit("temp") as visit:
        await room.accounts.remove_user("temp", room.now(), Actor("ada"))
        answer = await visit.get("/")

    assert answer.status_code == 303


async def test_after_logging_in_the_message_that_was_asked_for(room: Room) -> None:
    """A notice links to one message; the login must not lose it."""
    hold_id = await room.hold()
    async with room.visit() as visit:
        away = await visit.get(f"/held/{hold_id}")
        form = await visit.get(away.headers["location"])
        back = await visit.send("/login", name="rita", password=PASSWORD, after=f"/held/{hold_id}")

    assert f'value="/held/{hold_id}"' in form.text
    assert back.headers["location"] == f"/held/{hold_id}"


@pytest.mark.parametrize(
    "after", ["https://evil.example/", "//evil.example", "/held/../logout", "/held/x\r\nX: y", "/\\evil"]
)
async def test_a_login_leads_nowhere_else(room: Room, after: str) -> None:
    """An open redirect lends our name to somebody else's page."""
    async with room.visit() as visit:
        answer = await visit.send("/login", name="rita", password=PASSWORD, after=after)

    assert answer.headers["location"] == "/"


async def test_a_link_from_a_mail_program_finds_the_login_again(room: Room) -> None:
    """SameSite=Strict keeps the cookie from the first request; a page of ours asks for it again."""
    hold_id = await room.hold()
    async with room.visit() as visit:
        answer = await visit.client.get(f"/held/{hold_id}", headers={"Sec-Fetch-Site": "cross-site"})

    assert answer.status_code == 200
    assert f'content="0; url=/held/{hold_id}"' in answer.text


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": SITE + ".evil.example"},
    {"Origin": "https://127.0.0.1:8080"},
    {"Origin": ""},
    {"Origin": SITE, "Sec-Fetch-Site": "cross-site"},
    {"Origin": SITE, "Sec-Fetch-Site": "same-site"},
    {"Origin": SITE, "Sec-Fetch-Site": "none"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("path", ["/held/{}/release", "/held/{}/return", "/logout", "/login"])
async def test_a_form_of_another_site_is_refused(room: Room, path: str, headers: dict[str, str]) -> None:
    """Even with cookie and token: it was not our page that asked."""
    hold_id = await room.hold()
    async with room.visit("rita") as visit:
        form = {"csrf": visit.csrf, "note": "n", "recipients": "benefits@beta.example"}
        answer = await visit.client.post(path.format(hold_id), data=form, headers=headers)

    assert answer.status_code == 403
    assert (await room.quarantine.get(hold_id)).state == "held"


@pytest.mark.parametrize("token", [None, "", "0" * 64, "other"])
@pytest.mark.parametrize("verb", ["release", "return"])
async def test_a_form_without_its_token_is_refused(room: Room, verb: str, token: str | None) -> None:
    """The second lock, should the first one fail."""
    hold_id = await room.hold()
    async with room.visit("rita") as visit, room.visit("rita") as other:
        form = {"note": "n", "recipients": "benefits@beta.example"}
        form |= {} if token is None else {"csrf": other.csrf if token == "other" else token}
        answer = await visit.client.post(f"/held/{hold_id}/{verb}", data=form)

    assert answer.status_code == 403
    assert (await room.quarantine.get(hold_id)).state == "held"


@pytest.mark.parametrize(
    "path", ["/", "/login", "/held/none", "/audit", "/nowhere", "/healthz", "/api/v1/held", "/static/style.css"]
)
async def test_every_answer_wears_its_armour(room: Room, path: str) -> None:
    """One page without the policy is the page that gets attacked."""
    async with room.visit("rita") as visit:
        headers = (await visit.get(path)).headers

    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert path.startswith("/static/") or headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in headers


async def test_the_page_behind_a_proxy_knows_its_own_name(room_over_tls: Room) -> None:
    """`base_url` decides what is ours; the Host field is whatever somebody sent."""
    async with room_over_tls.visit() as visit:
        ours = await visit.client.post("/login", headers={"Origin": "https://review.recordkeeper.example"})
        host: httpx2.Response = await visit.client.post("/login", headers={"Origin": "http://127.0.0.1:8080"})

    assert (ours.status_code, host.status_code) == (401, 403)
