"""TAR and 7z: every file inside is handed on, or listed by name. Extracts nothing to disk, runs no tool."""

import io
import lzma
import tarfile
from collections.abc import Iterator
from typing import Any

import py7zr
import py7zr.io

from gateway.message import Opened, Unopened
from gateway.opening.beside import pieces
from gateway.opening.compressed import refuse_large
from gateway.opening.ends import Extent
from gateway.opening.opener import Budget, CannotLookError, Inner, Leaf, Opening
from rules.verdict import Obstacle

_BLOCK = 512  #: bytes; the unit of a TAR


def open_tar(leaf: Leaf, budget: Budget) -> Opening:
    return Opening(outcome=Opened(), inner=_tar(leaf, budget))


def _tar(leaf: Leaf, budget: Budget) -> Iterator[Inner]:
    claimed: list[Extent] = []
    try:
        with tarfile.open(fileobj=io.BytesIO(leaf.content), mode="r:", ignore_zeros=True) as archive:
            for member in archive:
                size = -(-member.size // _BLOCK) * _BLOCK if member.isfile() else 0
                claimed.append((member.offset, member.offset_data + size))
                if not member.isdir():
                    yield _member(archive, member, budget)
    except (tarfile.TarError, ValueError, OSError, EOFError, OverflowError) as error:
        yield from pieces(leaf.content, claimed)
        raise CannotLookError(Obstacle.CORRUPT, "a tar that breaks off") from error
    yield from pieces(leaf.content, claimed)  # the reader steps over what is no header of a file


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo, budget: Budget) -> Inner:
    """A link or a device holds nothing; its name and the name it points to are all there is."""
    if not member.isfile():
        return Inner(name=member.name, content=member.linkname.encode("utf-8", "replace"), declared_type="text/plain")
    refuse_large(member.size)
    budget.expand(member.size)
    source = archive.extractfile(member)
    content = source.read() if source else b""
    if len(content) != member.size:
        raise CannotLookError(Obstacle.CORRUPT, "a tar that breaks off")
    return Inner(name=member.name, content=content)


def open_7z(leaf: Leaf, budget: Budget) -> Opening:
    """All files at once: 7z packs them into common streams. The sizes in its directory are counted before."""
    archive = _unsealed(leaf.content, None)
    locked = archive is None or archive.needs_password()
    password = next((word for word in budget.passwords if _fits(leaf.content, word, budget)), None) if locked else None
    if password is not None:
        archive = _unsealed(leaf.content, password)
    if archive is None:
        return Opening(
            outcome=Unopened(obstacle=Obstacle.ENCRYPTED, note="an archive whose list of files is encrypted")
        )
    files = [entry for entry in archive.list() if not entry.is_directory]
    if len(files) > budget.limits.max_parts:
        raise CannotLookError(Obstacle.LIMIT, f"more than {budget.limits.max_parts} files")
    if locked and password is None:
        sealed = Unopened(obstacle=Obstacle.ENCRYPTED, note="an encrypted file")
        return Opening(outcome=Opened(), inner=[Inner(name=entry.filename, content=sealed) for entry in files])
    return Opening(
        outcome=Opened(), inner=_seven(archive, [(entry.filename, entry.uncompressed or 0) for entry in files], budget)
    )


def _unsealed(content: bytes, password: str | None) -> Any | None:
    """The archive with its list of files; None when that needs another password."""
    try:
        return py7zr.SevenZipFile(io.BytesIO(content), password=password)
    except py7zr.exceptions.PasswordRequired:
        return None
    except Exception as error:  # a wrong key makes noise of the list, and its readers raise what they like
        if password is not None:
            return None
        if isinstance(error, py7zr.exceptions.Bad7zFile | lzma.LZMAError | EOFError):
            raise CannotLookError(Obstacle.CORRUPT, "a broken 7z archive") from error
        raise


def _fits(content: bytes, password: str, budget: Budget) -> bool:
    """Whether the smallest file comes out with the checksum that the archive has of it; 7z has no other proof."""
    archive = _unsealed(content, password)
    if archive is None:
        return False
    files = sorted((entry.uncompressed or 0, entry.filename) for entry in archive.list() if not entry.is_directory)
    if not files:
        return True
    refuse_large(files[0][0])
    budget.expand(files[0][0])
    factory = py7zr.io.BytesIOFactory(budget.limits.max_expanded)
    try:
        archive.extract(targets=[files[0][1]], factory=factory)
    except Exception:  # noqa: BLE001 - noise, as above
        return False
    return True


def _seven(archive: Any, files: list[tuple[str, int]], budget: Budget) -> Iterator[Inner]:
    refuse_large(sum(size for _, size in files))
    budget.expand(sum(size for _, size in files))
    factory = py7zr.io.BytesIOFactory(budget.limits.max_expanded)
    try:
        archive.extractall(factory=factory)  # noqa: S202 - into memory, each file bounded
    except py7zr.exceptions.UnsupportedCompressionMethodError as error:
        raise CannotLookError(Obstacle.UNSUPPORTED, "a 7z method that is not known") from error
    except Exception as error:  # py7zr and its codecs raise what they like
        raise CannotLookError(Obstacle.CORRUPT, "a 7z archive that cannot be unpacked") from error
    for name, _ in files:
        product = factory.products.get(name)
        if product is None:
            yield Inner(name=name, content=Unopened(obstacle=Obstacle.CORRUPT, note="a listed file that is not there"))
        else:
            product.seek(0)
            yield Inner(name=name, content=product.read())
