"""Keys on their way into the roster index, on disk: any number of them is sorted and counted a part at a time."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Keys = NDArray[np.uint64]

PARTS = 64  #: by a key's first six bits; keys are hashes, so all parts grow alike


class Pile:
    """Files without a name beside the index, so that nothing is left of them whatever happens to us."""

    def __init__(self, folder: Path) -> None:
        self._open = ExitStack()
        self._parts = [self._open.enter_context(_nameless(folder)) for _ in range(PARTS)]

    def add(self, keys: "Keys") -> None:
        """Put keys on the pile; those that lie there already count once."""
        import numpy as np  # noqa: PLC0415 - only who changes rosters needs it

        keys = np.sort(keys)
        borders = np.arange(1, PARTS, dtype=np.uint64) << np.uint64(64 - (PARTS - 1).bit_length())
        for file, part in zip(self._parts, np.split(keys, np.searchsorted(keys, borders)), strict=True):
            file.write(part.tobytes())

    def sorted(self) -> "Iterator[Keys]":
        """Each key once, in ascending order."""
        import numpy as np  # noqa: PLC0415 - as above

        for file in self._parts:
            file.seek(0)
            yield np.unique(np.frombuffer(file.read(), np.uint64))

    def __len__(self) -> int:
        return sum(map(len, self.sorted()))

    def close(self) -> None:
        self._open.close()


def _nameless(folder: Path) -> IO[bytes]:
    return tempfile.TemporaryFile(dir=folder)
