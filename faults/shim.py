"""The page of memory that steers shim.c, and the shim built from it. Decides no fault by itself."""

import errno
import mmap
import os
import shutil
import struct
import subprocess
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Self

SOURCE = Path(__file__).with_name("shim.c")
FIELDS = ("pid", "calls", "at", "fault", "error", "span", "hit", "clock")
NAME = 32  #: octets of the name of the call that was hit


class Fault(IntEnum):
    OFF = 0
    KILL_BEFORE = 1
    KILL_AFTER = 2
    FAIL = 3


@dataclass(frozen=True, slots=True)
class Blow:
    """A fault, and at which call it strikes."""

    fault: Fault
    at: int
    error: int = errno.EIO
    span: int = 1  #: so many calls fail, one after the other

    def __str__(self) -> str:
        what = f" {errno.errorcode[self.error]} x{self.span}" if self.fault is Fault.FAIL else ""
        return f"{self.fault.name.lower().replace('_', ' ')} call {self.at}{what}"


class Page:
    """Mapped by the suite and by the process under test."""

    def __init__(self, file: Path) -> None:
        size = 8 * len(FIELDS) + NAME
        if not file.exists():
            file.write_bytes(bytes(size))
        with file.open("r+b") as opened:
            self._memory = mmap.mmap(opened.fileno(), size)

    @classmethod
    def of_environment(cls) -> Self:
        return cls(Path(os.environ["FAULTS_PAGE"]))

    def get(self, name: str) -> int:
        return int(struct.unpack_from("q", self._memory, 8 * FIELDS.index(name))[0])

    def set(self, name: str, number: int) -> None:
        struct.pack_into("q", self._memory, 8 * FIELDS.index(name), number)

    @property
    def call(self) -> str:
        """The name of the call that was hit."""
        return self._memory[8 * len(FIELDS) :].rstrip(b"\0").decode()

    def arm(self, blow: Blow) -> None:
        self.disarm()
        for name, number in {"at": blow.at, "error": blow.error, "span": blow.span, "calls": 0, "hit": 0}.items():
            self.set(name, number)
        self.set("fault", blow.fault)

    def disarm(self) -> None:
        self.set("fault", Fault.OFF)


def build(folder: Path) -> Path:
    """The shim as a library. Raises RuntimeError without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise RuntimeError("the fault suite needs a C compiler (cc), to build the library that kills at a given call")
    library = folder / "shim.so"
    command = [compiler, "-O2", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    subprocess.run(command, check=True, capture_output=True)
    return library
