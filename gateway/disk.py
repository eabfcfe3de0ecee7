"""Files for their owner alone, on the disk for certain when a function returns. Knows nothing of what is in them."""

import contextlib
import fcntl
import os
from pathlib import Path
from typing import Self


def make_private(path: Path, content: bytes = b"", *, callers_own: bool = False) -> None:
    """A file for its owner alone, with `content`. One that is there already keeps its own, and loses others' rights.

    What root makes belongs to the folder's owner, the service's user, unless it is the caller's own.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        if not path.exists():
            _write(fresh, content, None if os.geteuid() or callers_own else path.parent.stat(), 0o600)
            with contextlib.suppress(FileExistsError):  # somebody made it at the same moment: his stays
                os.link(fresh, path)
            sync_folder(path.parent)
    finally:
        fresh.unlink(missing_ok=True)
    if path.stat().st_mode & 0o077:
        path.chmod(0o600)


def replace_private(path: Path, content: bytes) -> None:
    """New content for a file, wholly or not at all. It stays its owner's, whoever calls, and as readable as it was."""
    fresh, owner = path.with_name(f".{path.name}.{os.getpid()}"), path.stat()
    try:
        _write(fresh, content, owner, owner.st_mode & 0o777)
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    sync_folder(path.parent)


def give_to(path: Path, user: int, group: int) -> None:
    """Root works on files of the service's user."""
    found = path.stat()
    if (found.st_uid, found.st_gid) != (user, group):
        os.chown(path, user, group)


def give_to_owner_of_folder(path: Path) -> None:
    folder = path.parent.stat()
    give_to(path, folder.st_uid, folder.st_gid)


def make_folder(folder: Path, mode: int = 0o700) -> None:
    """With those above it, each on the disk before anything is put into it. They are open to all but for `mode`."""
    if not folder.is_dir():
        make_folder(folder.parent, 0o777)
        folder.mkdir(mode, exist_ok=True)
        sync_folder(folder.parent)


class FolderLock:
    """Held until `release`, or until the process ends. Children that are started anew do not inherit it."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def lock_folder(folder: Path, *, alone: bool) -> FolderLock:
    """The folder itself is locked: a lock file would have an owner. Raises BlockingIOError when it cannot be had."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise
    return FolderLock(descriptor)


def _write(path: Path, content: bytes, owner: os.stat_result | None, mode: int) -> None:
    """On the disk with its owner and its mode: a key that comes back as root's is closed to the service."""
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        if owner is not None:
            give_to(path, owner.st_uid, owner.st_gid)
        os.fchmod(descriptor, mode)
        os.fsync(descriptor)


def sync_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
