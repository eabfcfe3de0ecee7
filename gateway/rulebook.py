"""The rules that messages are judged by: policy and directory, loaded together. What does not load says why.

Files are copied, and the copies loaded, here and by the workers: both go by the same rules, also when a worker's parent
has to be started anew while somebody is writing the original. What two people have added to the directory
(`proposals.py`) stands in the copy. An addition that the file contradicts does not: then less is relayed, never more.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp

from gateway.directory import today
from gateway.settings import Settings
from rules.additions import Addition, added
from rules.clients import Directory, checked, loading
from rules.errors import ConfigurationError
from rules.policy import Policy
from rules.sourced import parse, read, written

Stamps = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rulebook:
    policy: Policy
    directory: Directory
    settings: Settings  #: for the workers: with paths of the copies
    stamps: Stamps  #: of the originals, taken before they were read
    folder: Path  #: of the copies
    additions: tuple[Addition, ...]  #: what two people have added to the directory
    ignored: Mapping[Addition, str]  #: which of them the file contradicts, and how

    @classmethod
    def load(cls, settings: Settings, copies: Path, additions: Sequence[Addition] = ()) -> "Rulebook":
        """Raises ConfigurationError, which names the originals."""
        stamps, folder = look(settings), Path(mkdtemp(dir=copies))
        originals = {"policy": settings.policy_file, "clients": settings.clients_file}
        files = {key: file and _copied(file, folder / f"{key}.yaml") for key, file in originals.items()}
        try:
            policy = Policy.load(files["policy"])
            clients, ignored = _amended(files["clients"], folder / "amended.yaml", additions)
            directory = Directory.load(clients, today())
        except ConfigurationError as error:
            shutil.rmtree(folder, ignore_errors=True)
            names = {str(files[key]): str(original) for key, original in originals.items()}
            blamed = [replace(problem, file=names.get(problem.file, problem.file)) for problem in error.problems]
            raise ConfigurationError(blamed) from error
        rules = settings.rules.model_copy(update=files | {"clients": clients})
        copied = settings.model_copy(update={"rules": rules})
        return cls(
            policy=policy,
            directory=directory,
            settings=copied,
            stamps=stamps,
            folder=folder,
            additions=tuple(additions),
            ignored=ignored,
        )

    @property
    def versions(self) -> Mapping[str, str]:
        return {"policy": self.policy.version, "directory": self.directory.version}

    def forget(self) -> None:
        """Remove the copies."""
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def opened(settings: Settings, additions: Sequence[Addition]) -> Iterator[Rulebook]:
    """A rulebook for one command. Raises ConfigurationError."""
    with TemporaryDirectory(prefix="countersign-") as copies:
        yield Rulebook.load(settings, Path(copies), additions)


def look(settings: Settings) -> Stamps:
    """What tells each file from its next version (an editor's new file has another number), and the day."""
    files = (settings.policy_file, settings.clients_file, settings.rosters_file)
    return (today(), *(file and _stamp(file) for file in files))


def _stamp(file: Path) -> tuple[int, int, int] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _copied(file: Path, copy: Path) -> Path:
    """The copy; or the file itself when it cannot be read, so that loading it says why."""
    try:
        shutil.copyfile(file, copy)
    except OSError:
        return file
    return copy


def _amended(
    file: Path | None, target: Path, additions: Sequence[Addition]
) -> tuple[Path | None, Mapping[Addition, str]]:
    """Where the directory with `additions` stands, and which of them it does not have, and why."""
    if not additions:
        return file, {}
    with loading():
        document = parse("", "no client directory") if file is None else read(file)
        checked(document)
        amended, ignored = added(document, additions)
    if amended is document:
        return file, ignored
    target.write_text(written(amended.content), encoding="utf-8")
    return target, ignored
