"""What a program did to a folder, as strace saw it, and every state of the folder that a power cut may leave.

POSIX promises little: until a file is synced any of its writes may be missing, and until a folder is any of its names,
in any order. Real file systems promise more (ext4's journal hides all of this), and each of them something else.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from random import Random

_CALLS = "openat,lseek,write,pwrite64,ftruncate,fsync,fdatasync,mkdir,rename,link,unlink,rmdir"
COMMAND = ("strace", "-f", "--seccomp-bpf", "-qq", "-y", "-xx", "-s", "16777216", "-e", f"trace={_CALLS}")
MOST = 64  #: states at one moment; where there may be more, so many of them by lot
_CALL = re.compile(r"^(?:\d+ +)?(\w+)\((.*)\) += (\d+)")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_OPEN_FILE = re.compile(r"^(\d+)<([^>]*)>")


class Node:
    """A file, whatever its names, or a folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What gets to the disk wholly or not at all: names, or a piece of a file."""

    of: Node | str  #: what has to be synced to make sure of it: the file, or the folder with the names
    names: Mapping[str, Node | None] = field(default_factory=dict)
    at: int = 0
    data: bytes | None = None  #: None without names: the file ends here


@dataclass(frozen=True, slots=True)
class Sync:
    of: Node | str


@dataclass(frozen=True, slots=True)
class State:
    """What may be found after the power has come back."""

    files: Mapping[str, bytes | None]  #: None: a folder
    done: bool  #: the program had ended, and said so


class Log:
    def __init__(self, folder: Path) -> None:
        """Begun with what is there now, all of it synced."""
        self._folder = folder
        self._folders: set[Node] = set()
        self._content: dict[Node, bytes] = {}
        self._names: dict[str, Node] = {}
        self._events: list[Change | Sync] = []
        self._places: dict[str, int] = {}  #: where the next write to an open file goes
        for path in sorted(folder.rglob("*")):
            self._names[str(path)] = node = Node()
            if path.is_dir():
                self._folders.add(node)
            else:
                self._content[node] = path.read_bytes()
        self._first = dict(self._names)

    def follow(self, trace: str) -> None:
        for line in trace.splitlines():
            if call := _CALL.match(line):
                name, arguments, result = call[1], call[2], int(call[3])
                if opened := _OPEN_FILE.match(arguments):
                    self._written(name, opened[1], _plain(opened[2]), arguments, result)
                else:
                    self._named(name, [_plain(found) for found in _TEXT.findall(arguments)], arguments, result)

    def states(self, chance: Random) -> Iterator[State]:
        """At every moment between two calls, whatever had not been synced by then may be there or not."""
        for end in range(len(self._events) + 1):
            past = self._events[:end]
            changes = [
                (each, self._sure(each, past[index:])) for index, each in enumerate(past) if isinstance(each, Change)
            ]
            unsure = [index for index, (_, sure) in enumerate(changes) if not sure]
            for missing in _some_of(unsure, chance):
                kept = [each for index, (each, _) in enumerate(changes) if index not in missing]
                yield State(self._after(kept), done=end == len(self._events))

    def _sure(self, change: Change, later: Sequence[Change | Sync]) -> bool:
        return any(isinstance(each, Sync) and each.of == change.of for each in later)

    def _after(self, changes: Sequence[Change]) -> Mapping[str, bytes | None]:
        names, content = dict(self._first), dict(self._content)
        for change in changes:
            for path, node in change.names.items():
                if node is None:
                    names.pop(path, None)
                else:
                    names[path] = node
            if isinstance(change.of, Node):
                old = content.get(change.of, b"").ljust(change.at, b"\0")
                content[change.of] = old[: change.at] + (
                    b"" if change.data is None else change.data + old[change.at + len(change.data) :]
                )
        there = {path: None if node in self._folders else content.get(node, b"") for path, node in names.items()}
        return {path: what for path, what in there.items() if self._reachable(path, there)}

    def _reachable(self, path: str, there: Mapping[str, bytes | None]) -> bool:
        """A file whose folder did not get to the disk is gone with it."""
        folders = [str(folder) for folder in Path(path).parents if folder.is_relative_to(self._folder)]
        return all(folder in there or folder == str(self._folder) for folder in folders)

    def _named(self, name: str, paths: Sequence[str], arguments: str, result: int) -> None:
        if name == "openat":
            self._opened(paths[0], arguments, str(result))
        elif not self._ours(paths[-1]):
            return
        elif name == "mkdir":
            self._folders.add(node := Node())
            self._change(paths[0], {paths[0]: node})
        elif name in {"unlink", "rmdir"}:
            self._change(paths[0], {paths[0]: None})
        else:
            gone = {paths[0]: None} if name == "rename" else {}
            self._change(paths[1], {**gone, paths[1]: self._names[paths[0]]})

    def _opened(self, path: str, arguments: str, number: str) -> None:
        self._places[number] = 0
        if not self._ours(path):
            return
        if path not in self._names and "O_CREAT" in arguments:
            self._change(path, {path: Node()})
        elif "O_TRUNC" in arguments:
            self._events.append(Change(of=self._names[path]))

    def _change(self, path: str, names: Mapping[str, Node | None]) -> None:
        self._events.append(Change(of=str(Path(path).parent), names=names))
        self._names = {**self._names, **{name: node for name, node in names.items() if node is not None}}
        for name in [name for name, node in names.items() if node is None]:
            del self._names[name]

    def _written(self, name: str, number: str, path: str, arguments: str, result: int) -> None:
        node = self._names.get(path)
        if name in {"fsync", "fdatasync"}:
            if node is not None or path == str(self._folder):
                self._events.append(Sync(path if node is None or node in self._folders else node))
        elif name == "lseek":
            self._places[number] = result
        elif node is None:  # elsewhere, or it has no name any more: nobody will see it
            return
        elif name == "ftruncate":
            self._events.append(Change(of=node, at=_last_number(arguments)))
        else:
            at = _last_number(arguments) if name == "pwrite64" else self._places[number]
            data = bytes.fromhex(_TEXT.findall(arguments)[0].replace("\\x", ""))[:result]
            self._events.append(Change(of=node, at=at, data=data))
            self._places[number] = at + result

    def _ours(self, path: str) -> bool:
        return path.startswith(f"{self._folder}/")


def _plain(escaped: str) -> str:
    return bytes.fromhex(escaped.replace("\\x", "")).decode() if escaped.startswith("\\x") else escaped


def _last_number(arguments: str) -> int:
    return int(arguments.rsplit(", ", 1)[1])


def _some_of(unsure: Sequence[int], chance: Random) -> Iterator[frozenset[int]]:
    """Every choice of what is missing, or many of them by lot; nothing, all, one and all but one in any case."""
    if 2 ** len(unsure) <= MOST:
        for size in range(len(unsure) + 1):
            yield from map(frozenset, combinations(unsure, size))
        return
    yield from (frozenset(), frozenset(unsure))
    for each in unsure:
        yield from (frozenset({each}), frozenset(unsure) - {each})
    for _ in range(MOST):
        yield frozenset(each for each in unsure if chance.random() < 0.5)
