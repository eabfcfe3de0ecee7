"""The master key: without it no start and no clear text, and it can be changed while mail is held."""

import asyncio
import base64
import os
import signal
import stat
import sys
from pathlib import Path

import pytest
from sqlalchemy import select
from store_kit import NOW, RAW, an_id, envelope, settings, verdict
from store_under_load import raw_of
from test_cli import run
from test_store_kill import HERE

from gateway.actor import Actor
from gateway.audit.log import AuditLog
from gateway.check import of_settings
from gateway.errors import KeyFileError, SealError, StoreError
from gateway.hold import Quarantine
from gateway.rotate import forget, rotate
from gateway.settings import Downstream, Settings, load
from gateway.settings import Store as StoreSection
from gateway.states import State
from gateway.store import Store, datakeys
from gateway.store.keys import CREDENTIAL, KeyRing, key_id, new_key
from gateway.store.schema import data_keys
from rules.errors import ConfigurationError

DATABASE = Path("var/countersign.db")
BESIDE = Path("var/countersign.db.key")


def with_key(folder: Path, key: str | Path) -> Settings:
    section = StoreSection(url="sqlite:///var/countersign.db", key=Path(key))
    return settings(folder).model_copy(update={"store": section})


def key_file(folder: Path, *lines: str) -> Path:
    file = folder / "master.key"
    file.write_text("".join(f"{line}\n" for line in lines or (new_key(),)))
    file.chmod(0o600)
    return file


async def held(store: Store, raw: bytes = RAW) -> str:
    """By another sender each time: one message is not held twice."""
    hold_id = an_id()
    sender = f"{hold_id}@recordkeeper.example"
    await Quarantine(store).hold(envelope(mail_from=sender), raw, verdict(), NOW, hold_id)
    return hold_id


async def masters(store: Store) -> set[str]:
    return await store.read(lambda c: set(c.execute(select(data_keys.c.master)).scalars()))


# Where it comes from.


async def test_a_first_start_makes_a_key_for_its_owner_alone(tmp_path: Path) -> None:
    """`make demo` needs no key ceremony, and still nothing lies in clear."""
    async with Store.open(settings(tmp_path)) as store:
        hold_id = await held(store)
    file = tmp_path / BESIDE
    made = file.read_bytes()

    async with Store.open(settings(tmp_path)) as store:
        assert await Quarantine(store).content(hold_id) == RAW
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes() == made


async def test_the_settings_name_a_file_relative_to_theirs(tmp_path: Path) -> None:
    """The key lies on another disk, in another backup."""
    key_file(tmp_path)

    async with Store.open(with_key(tmp_path, "master.key")) as store:
        await held(store)
    assert not (tmp_path / BESIDE).exists()


def test_the_environment_names_it_in_both_spellings(tmp_path: Path) -> None:
    """Containers say `..._FILE` for the path of a secret."""
    for name in ("COUNTERSIGN_STORE__KEY", "COUNTERSIGN_STORE__KEY_FILE"):
        loaded = load(None, {name: str(tmp_path / "secret")})
        assert loaded.store.key == tmp_path / "secret"


async def test_systemd_hands_it_over_as_a_credential(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed by the TPM, it lies in no file that a backup could catch."""
    key_file(tmp_path).rename(tmp_path / CREDENTIAL)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))

    async with Store.open(settings(tmp_path)) as store:
        await held(store)
    assert not (tmp_path / BESIDE).exists()


def test_the_settings_win_over_the_credential(tmp_path: Path) -> None:
    """What somebody wrote down on purpose counts."""
    ring = KeyRing.of(with_key(tmp_path, "mine"), tmp_path / DATABASE, {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    assert (ring.file, ring.beside) == (tmp_path / "mine", False)


SECRET_KEY = base64.b64encode(b"k" * 32).decode()
WRONG = {
    "empty": ("", "holds no key"),
    "only a comment": ("# the key\n", "holds no key"),
    "too short": (base64.b64encode(b"k" * 31).decode(), ":1: is not a key"),
    "not base64": (f"{SECRET_KEY}\n{SECRET_KEY[:-4]}!!!!\n", ":2: is not a key"),
    "raw bytes": ("\xff" * 32, "is not a file of master keys"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_key_file_that_is_none_is_refused_without_being_quoted(case: str, tmp_path: Path) -> None:
    """A half key in a log is a key that somebody has to guess half of."""
    text, said = WRONG[case]
    (tmp_path / "master.key").write_text(text, "latin-1")

    with pytest.raises(ConfigurationError) as refused:
        Store.open(with_key(tmp_path, "master.key"))

    assert said in str(refused.value)
    assert SECRET_KEY[:8] not in str(refused.value)
    assert not (tmp_path / BESIDE).exists()


def test_a_named_file_is_never_made(tmp_path: Path) -> None:
    """A disk that is not mounted must not lead to a second key."""
    with pytest.raises(ConfigurationError, match=r"missing\.key: the master key cannot be read: No such file"):
        Store.open(with_key(tmp_path, "missing.key"))


async def test_a_store_whose_key_is_gone_or_another_does_not_open(tmp_path: Path) -> None:
    """Never a plain text fallback, never a fresh key over mail that only the old one opens."""
    async with Store.open(settings(tmp_path)) as store:
        await held(store)
    file = tmp_path / BESIDE
    kept = file.read_bytes()

    file.unlink()
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        Store.open(settings(tmp_path))
    assert not file.exists()
    file.write_text(new_key())
    with pytest.raises(ConfigurationError, match="does not hold master key"):
        Store.open(settings(tmp_path))
    file.write_bytes(kept)
    await Store.open(settings(tmp_path)).close()


def test_every_command_refuses_with_status_78(tmp_path: Path) -> None:
    """systemd does not start it again and again; a script sees what it is."""
    config = tmp_path / "countersign.yaml"
    config.write_text('downstream: {host: 127.0.0.1}\nstore: {url: "sqlite:///x.db", key: missing.key}\n')

    for command in (("serve",), ("held", "list"), ("check",)):
        done = run(*command, "--config", config)
        assert done.status == 78, command
        assert "missing.key: the master key cannot be read" in done.err
        assert "Traceback" not in done.err


def test_check_warns_of_a_key_beside_its_store_and_of_one_that_all_may_read(tmp_path: Path) -> None:
    """Who steals the folder has both."""
    downstream = Downstream(host="127.0.0.1")
    beside = settings(tmp_path).model_copy(update={"downstream": downstream})
    key_file(tmp_path).chmod(0o644)
    open_to_all = with_key(tmp_path, "master.key").model_copy(update={"downstream": downstream})

    assert any("beside what it locks" in problem.text and problem.warning for problem in of_settings(beside))
    assert any("everybody" in problem.text and problem.warning for problem in of_settings(open_to_all))


async def test_neither_key_nor_data_key_is_in_the_store_or_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Somebody who has the database, the audit log and the DEBUG output still has nothing."""
    caplog.set_level("DEBUG")
    async with Store.open(settings(tmp_path)) as store:
        hold_id = await held(store)
        ring = await store.read(datakeys.ring_of)
        await rotate(store, Actor("ida"), NOW)
        opened = await store.read(lambda c: datakeys.fetch_one(c, datakeys.Label(hold_id, datakeys.Kind.CONTENT)))
        lines = "".join([record.line async for record in AuditLog(store).records()])
    secrets_of_ours = [*ring.load().values(), opened]
    left = (tmp_path / DATABASE).read_bytes() + (lines + caplog.text + repr(ring)).encode()
    for key in secrets_of_ours:
        for form in (key, base64.b64encode(key), key.hex().encode()):
            assert form not in left


# Rotation.


async def test_after_a_rotation_everything_opens_with_the_new_key_alone(tmp_path: Path) -> None:
    """The old key was seen by somebody: from now on it opens nothing here."""
    async with Store.open(settings(tmp_path)) as store:
        ids = [await held(store) for _ in range(5)]
        old = await masters(store)
        done = await rotate(store, Actor("ida"), NOW)

        assert await masters(store) == {done.master}
        assert done.master not in old
        assert done.left == 0
        assert set(await forget(store, Actor("ida"), NOW)) == old
    assert set(KeyRing(tmp_path / BESIDE, beside=True).load()) == {done.master}
    async with Store.open(settings(tmp_path)) as store:
        assert [await Quarantine(store).content(hold_id) for hold_id in ids] == [RAW] * 5
        events = [(record.event, record.actor) async for record in AuditLog(store).records()][-3:]
        assert events == [(f"{name}", "ida") for name in EVENTS]
        assert await AuditLog(store).verify() is None


EVENTS = ("master-key-changed", "data-keys-rewrapped", "master-key-forgotten")


async def test_a_running_service_changes_over_with_the_rotation(tmp_path: Path) -> None:
    """Two processes at one store: what is held after the change is locked with the new key, and read by both."""
    async with Store.open(settings(tmp_path)) as service, Store.open(settings(tmp_path)) as terminal:
        before = await held(service)
        done = await rotate(terminal, Actor("ida"), NOW)
        after = await held(service)

        assert await masters(service) == {done.master}
        await forget(terminal, Actor("ida"), NOW)
        assert await Quarantine(service).content(before) == RAW
        assert await Quarantine(service).content(after) == RAW


async def test_a_rotation_under_load_misses_nothing(tmp_path: Path) -> None:
    """Mail goes on being held between its transactions."""
    async with Store.open(settings(tmp_path)) as service, Store.open(settings(tmp_path)) as terminal:
        holding = asyncio.gather(*(held(service, raw_of(str(n))[:1000]) for n in range(60)))
        await asyncio.sleep(0)
        done = [await rotate(terminal, Actor("ida"), NOW) for _ in range(3)][-1]
        ids = await holding

        assert await masters(service) <= {done.master}
        for n, hold_id in enumerate(ids):
            assert await Quarantine(service).content(hold_id) == raw_of(str(n))[:1000]


async def test_a_rotation_uses_the_key_that_was_put_into_the_file(tmp_path: Path) -> None:
    """With a credential or a vault the operator writes the file; we only change over."""
    first, second = new_key(), new_key()
    file = key_file(tmp_path, first)
    async with Store.open(with_key(tmp_path, file)) as store:
        hold_id = await held(store)
        file.write_text(f"{first}\n{second}  # new\n")
        done = await rotate(store, Actor("ida"), NOW)

        assert done.master == key_id(base64.b64decode(second))
        assert file.read_text() == f"{first}\n{second}  # new\n"
        assert await Quarantine(store).content(hold_id) == RAW


async def test_a_file_that_cannot_be_written_says_so_and_nothing_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A credential is read-only."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    async with Store.open(settings(tmp_path)) as store:
        hold_id = await held(store)
        before = await masters(store)
        monkeypatch.setattr("gateway.store.keys.replace_private", refuse)
        with pytest.raises(KeyFileError, match="cannot be written: Permission denied"):
            await rotate(store, Actor("ida"), NOW)

        assert await masters(store) == before
        assert await Quarantine(store).content(hold_id) == RAW


async def test_a_key_that_is_needed_is_not_forgotten(tmp_path: Path) -> None:
    """A rotation that was cut off half-way still needs both."""
    async with Store.open(settings(tmp_path)) as store:
        await held(store)
        ring = await store.read(datakeys.ring_of)
        new = ring.add()
        await store.write(lambda tx: datakeys.use(tx, new))

        with pytest.raises(KeyFileError, match="still needed"):
            await forget(store, Actor("ida"), NOW)
        assert len(ring.load()) == 2
        done = await rotate(store, Actor("ida"), NOW)  # ends it, and begins no other
        assert (done.master, len(ring.load())) == (new, 2)


async def test_a_damaged_data_key_stops_no_rotation(tmp_path: Path) -> None:
    """One bad sector must not keep the old key in use for everybody."""
    async with Store.open(settings(tmp_path)) as store:
        damaged, sound = await held(store), await held(store)
        here = (data_keys.c.message_id == damaged) & (data_keys.c.kind == "content")
        await store.write(lambda tx: tx.execute(data_keys.update().where(here).values(wrapped=os.urandom(60))))

        done = await rotate(store, Actor("ida"), NOW)

        assert done.left == 1
        assert await Quarantine(store).content(sound) == RAW
        with pytest.raises(SealError):
            await Quarantine(store).content(damaged)


async def test_without_the_key_in_use_nothing_is_stored(tmp_path: Path) -> None:
    """451 and the client keeps it: never in clear because the key is away."""
    async with Store.open(settings(tmp_path)) as store:
        await store.write(lambda tx: datakeys.use(tx, "0" * 16))

        with pytest.raises(StoreError, match="does not hold master key 0000"):
            await held(store)
        assert await Quarantine(store).list(set(State)) == ()


async def test_a_rotation_killed_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """Killed between file and store, or between two batches: the next one ends what it began."""
    async with Store.open(settings(tmp_path)) as store:
        ids = [await held(store) for _ in range(30)]
    for seed in range(4):
        await _killed_rotation(tmp_path, 0.02 * seed)
        async with Store.open(settings(tmp_path)) as store:
            for hold_id in ids:
                assert await Quarantine(store).content(hold_id) == RAW
    async with Store.open(settings(tmp_path)) as store:
        done = await rotate(store, Actor("ida"), NOW)
        assert await masters(store) == {done.master}
        assert await AuditLog(store).verify() is None


ROTATING = """
import asyncio, sys
from pathlib import Path
from store_kit import NOW, settings
from gateway import rotate
from gateway.store import Store
rotate.BATCH = 2
async def main():
    async with Store.open(settings(Path(sys.argv[1]))) as store:
        print("go", flush=True)
        while True:
            await rotate.rotate(store, Actor("ida"), NOW)
asyncio.run(main())
"""


async def _killed_rotation(folder: Path, after: float) -> None:
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parent}:{HERE}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", ROTATING, str(folder), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    await asyncio.wait_for(process.stdout.readline(), 60)
    await asyncio.sleep(after)
    process.send_signal(signal.SIGKILL)
    await process.wait()


async def test_rotation_and_forgetting_from_a_terminal(tmp_path: Path) -> None:
    """What the operator types, and what he is told about older backups."""
    config = tmp_path / "countersign.yaml"
    config.write_text('downstream: {host: 127.0.0.1}\nstore: {url: "sqlite:///countersign.db"}\n')

    rotated = run("key", "rotate", "--config", config)
    forgotten = run("key", "forget", "--config", config)
    again = run("key", "forget", "--config", config)

    assert (rotated.status, forgotten.status, again.status) == (0, 0, 0)
    assert "backups made until now need the old key" in rotated.out
    assert "is forgotten" in forgotten.out
    assert "no old key" in again.out
    assert len(base64.b64decode(run("key", "new").out)) == 32
