"""RAR of every age, unpacked in memory: nothing is written, no program is run. Splits of several volumes are listed."""

from collections.abc import Iterator
from typing import Any

import rars

from gateway.message import Unopened
from gateway.opening.compressed import LARGEST_FILE, refuse_large
from gateway.opening.opener import Budget, CannotLookError, Inner, Leaf, Opening
from gateway.opening.reading import Reading
from rules.content import Role
from rules.verdict import Obstacle

_DICTIONARY = 1 << 28  #: bytes; WinRAR packs with 32 MB, and a header may ask for 64 GB
_WORKSPACE = 1 << 29
_HEADERS = 2  #: for each part that is allowed: comments, recovery records and owners have theirs

_SEALED = Unopened(obstacle=Obstacle.ENCRYPTED, note="an encrypted file")
_SPLIT = Unopened(obstacle=Obstacle.UNSUPPORTED, note="a file that goes over several volumes")
_UNKNOWN = Unopened(obstacle=Obstacle.UNSUPPORTED, note="a RAR method that is not known")
_BROKEN = Unopened(obstacle=Obstacle.CORRUPT, note="a file that cannot be read")


def open_rar(leaf: Leaf, budget: Budget) -> Opening:
    archive = _archive(leaf.content, budget)
    if archive is None:
        sealed = Unopened(obstacle=Obstacle.ENCRYPTED, note="an archive whose list of files is encrypted")
        return Opening(outcome=sealed)
    reading = Reading(leaf)
    with reading.attempt("the comment"):  # RAR packs it like a file
        reading.text("comments", (archive.comment or b"").decode("utf-8", "replace").strip("\0"), Role.HEADING)
    return Opening(outcome=reading.opening().outcome, inner=_files(archive, budget))


def _archive(content: bytes, budget: Budget) -> Any | None:
    """The archive with its list of files; None when that needs another password."""
    options = rars.ReadOptions(max_header_count=_HEADERS * budget.limits.max_parts)
    for password in (None, *budget.passwords):
        try:
            return rars.RarFile.from_bytes(content, password, options=options)
        except (rars.PasswordRequired, rars.BadPassword):
            continue
        except rars.UnsupportedRarFeature as error:
            raise CannotLookError(Obstacle.UNSUPPORTED, "a kind of RAR that is not known") from error
        except rars.Error as error:
            if password is not None:  # RAR 3 has no proof of a key: a wrong one makes noise of the list
                continue
            raise CannotLookError(Obstacle.CORRUPT, "a broken RAR archive") from error
    return None


def _files(archive: Any, budget: Budget) -> Iterator[Inner]:
    """A link's target is all there is of it. Files of a solid archive need those before them, so they come at once."""
    files = []
    for entry in archive.infolist():
        if entry.is_split_before or entry.is_split_after:
            yield Inner(name=entry.filename, content=_SPLIT)
        elif (target := _target(archive, entry)) is not None:
            yield Inner(name=entry.filename, content=target, declared_type="text/plain")
        elif not entry.is_dir():
            files.append(entry)
    groups = [[entry] for entry in files]
    if any(entry.is_solid for entry in files):
        groups = [[entry for entry in files if entry.is_encrypted == sealed] for sealed in (False, True)]
    for group in groups:
        yield from _group(archive, group, budget)


def _target(archive: Any, entry: Any) -> bytes | None:
    try:
        return bytes(archive.readlink(entry))
    except rars.Error:
        return None


def _group(archive: Any, entries: list[Any], budget: Budget) -> Iterator[Inner]:
    size = sum(entry.file_size for entry in entries)
    refuse_large(size)
    budget.expand(size)
    contents = _contents(archive, entries, budget)
    for place, entry in enumerate(entries):
        yield Inner(name=entry.filename, content=contents if isinstance(contents, Unopened) else contents[place])


def _contents(archive: Any, entries: list[Any], budget: Budget) -> list[bytes] | Unopened:
    """Checked against their checksums. What asks for more memory than it may have raises MemoryError."""
    options = rars.ReadOptions(
        max_total_output_bytes=LARGEST_FILE,
        max_reader_workspace_bytes=_WORKSPACE,
        rar50_dictionary_size_limit=_DICTIONARY,
    )
    for password in (None, *budget.passwords):
        try:
            return list(archive.read_many(entries, password, options=options))
        except (rars.PasswordRequired, rars.BadPassword):
            continue
        except rars.UnsupportedRarFeature:
            return _UNKNOWN
        except (rars.Error, KeyError):
            return _BROKEN
    return _SEALED
