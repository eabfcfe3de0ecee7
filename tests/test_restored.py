"""What a restored store does with what was under way: a person is asked again, and every doubt is on record."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from backups import doubts, held, now_in, released, restored
from store_kit import ACME, BETA, NOW, RAW, an_id, envelope, later, settings, verdict

from gateway.accounts import Accounts, Role
from gateway.actor import Actor
from gateway.hold import Quarantine
from gateway.ledger import Ledger, fingerprint
from gateway.relay import Delivery, Reach
from gateway.reply import Reply
from gateway.report import worksheet
from gateway.states import State
from gateway.store import Store
from gateway.store.mail import Purpose
from gateway.store.schema import messages, recipients
from rules.mask import mask_address
from rules.verdict import Disposition


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with Store.open(settings(tmp_path / "here")) as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "countersign.backup"


async def test_what_was_on_its_way_waits_for_a_person_again(store: Store, file: Path, tmp_path: Path) -> None:
    """It left right after the backup, in all likelihood: sending it once more is for somebody to decide."""
    releasing, clean = await released(store), an_id()
    await Quarantine(store).store_pending(envelope(ACME), RAW, NOW, clean)
    await Quarantine(store).settle(clean, verdict(ACME, disposition=Disposition.RELAY), NOW)
    assert await now_in(store, clean) == [State.RELAYING]

    async with Store.open(await restored(store, file, tmp_path / "there")) as again:
        for hold_id in (releasing, clean):
            assert await now_in(again, hold_id) == [State.HELD]
            assert await Quarantine(again).content(hold_id) == RAW
        (doubt,) = await doubts(again, releasing)
        assert doubt.detail["were"] == ["releasing"]
        assert "restored from a backup" in doubt.detail["why"]


async def test_what_was_taken_over_waits_as_well_but_not_for_those_who_have_it(
    store: Store, file: Path, tmp_path: Path
) -> None:
    """One recipient has his copy for certain; only the other's is in doubt."""
    hold_id, raw = an_id(), RAW
    ok, later_on = Reply(250, "2.0.0 ok"), Reply(451, "4.0.0 later")
    delivery = Delivery(reach=Reach.DELIVERED, reply=ok, replies={ACME: ok, BETA: later_on})
    fp = fingerprint(envelope(ACME, BETA), raw)
    await Ledger(store).take_over(fp, envelope(ACME, BETA), raw, delivery, NOW, hold_id)

    async with Store.open(await restored(store, file, tmp_path / "there")) as again:
        assert await now_in(again, hold_id) == [State.RELAYED, State.HELD]
        (doubt,) = await doubts(again, hold_id)
        assert doubt.detail["recipients"] == [mask_address(BETA)]


async def test_what_was_still_inspected_waits_for_a_person(store: Store, file: Path, tmp_path: Path) -> None:
    """Found clean after the backup it was sent; a second inspection would send it once more."""
    hold_id = an_id()
    await Quarantine(store).store_pending(envelope(), RAW, NOW, hold_id)

    async with Store.open(await restored(store, file, tmp_path / "there")) as again:
        assert await now_in(again, hold_id) == [State.HELD]
        assert await Quarantine(again).pending(later(days=1)) == ()


async def test_held_mail_has_its_whole_time_again_and_its_doubt_on_record(
    store: Store, file: Path, tmp_path: Path
) -> None:
    """Somebody may have released it after the backup; and it must not expire before anybody can look."""
    hold_id = await held(store)

    async with Store.open(await restored(store, file, tmp_path / "there")) as again:
        found = await Quarantine(again).get(hold_id)
        assert found.recipients[0].since == later(days=3)
        assert found.state is State.HELD
        assert len(await doubts(again, hold_id)) == 1


async def test_the_worksheet_of_what_may_have_left_does_not_call_it_prevented(
    store: Store, file: Path, tmp_path: Path
) -> None:
    """Unknown is not clean, least of all on a form for a state's attorney."""
    hold_id = await released(store)

    async with Store.open(await restored(store, file, tmp_path / "there")) as again:
        sheet = worksheet(await Quarantine(again).get(hold_id), str.title, later(days=4))

    assert [recipient.outcome for recipient in sheet.recipients] == [State.HELD]
    assert sheet.conclusion.startswith("Not certain: the message may have left")


async def test_returns_go_on_and_their_notices_are_told_on_record(store: Store, file: Path, tmp_path: Path) -> None:
    """A sender told twice is better off than one who was never told."""
    hold_id = await held(store)
    await Quarantine(store).return_(hold_id, Actor("rita"), "wrong list", NOW)

    async with Store.open(await restored(store, file, tmp_path / "there")) as again:
        assert await now_in(again, hold_id) == [State.RETURNING]
        returns = messages.c.purpose == Purpose.RETURN.value
        joined = recipients.join(messages, messages.c.id == recipients.c.message_id)
        asked = recipients.select().select_from(joined).where(returns)
        (notice,) = await again.read(lambda c: c.execute(asked).all())
        assert notice.state == State.RELAYING.value
        notices = {record.detail["notice"] for record in await doubts(again, hold_id, of_notices=True)}
        assert notices == {"held", "return"}


async def test_logins_do_not_come_back(store: Store, file: Path, tmp_path: Path) -> None:
    """One that was ended since the backup is not open again."""
    accounts = Accounts(store)
    await accounts.add_user("rita", Role.REVIEWER, "a long enough password", NOW)
    account = await accounts.check("rita", "a long enough password", NOW)
    assert account is not None
    secret = await accounts.open_session(account, NOW)
    assert await accounts.session(secret, NOW) is not None

    async with Store.open(await restored(store, file, tmp_path / "there")) as again:
        assert await Accounts(again).session(secret, NOW) is None
        assert await Accounts(again).check("rita", "a long enough password", later(days=3)) is not None
