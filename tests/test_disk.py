"""Files that an administrator's commands and the service share: whose they are, and who may read them."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.disk import make_private, replace_private

NOBODY = 65534


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640, 0o644])
def test_who_may_read_a_file_stays_so(mode: int, tmp_path: Path) -> None:
    """`clients import` by root must not lock the service out of its directory."""
    file = tmp_path / "clients.yaml"
    file.write_text("old")
    file.chmod(mode)

    replace_private(file, b"new")

    assert (file.read_bytes(), file.stat().st_mode & 0o777) == (b"new", mode)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_root_makes_in_the_services_folder_is_the_services(tmp_path: Path) -> None:
    """An account or a roster that is added before the first start must not stop it."""
    os.chown(tmp_path, NOBODY, NOBODY)

    make_private(tmp_path / "countersign.db")

    made = (tmp_path / "countersign.db").stat()
    assert (made.st_uid, made.st_gid, made.st_mode & 0o777) == (NOBODY, NOBODY, 0o600)


WRITES = """
import pathlib, sys, gateway.disk as disk
key = pathlib.Path(sys.argv[1])
disk.make_private(key, b"1")
disk.replace_private(key, b"2")
"""


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("strace") is None, reason="root gives away, strace sees it")
def test_owner_and_mode_are_on_the_disk_with_the_content(tmp_path: Path) -> None:
    """After a power cut the key must not be root's alone."""
    os.chown(tmp_path, NOBODY, NOBODY)
    log, key, calls = tmp_path / "calls", tmp_path / "store.key", "trace=chown,fchmod,chmod,fsync,link,rename"

    subprocess.run(["strace", "-qq", "-o", log, "-e", calls, sys.executable, "-c", WRITES, key], check=True)  # noqa: S607

    assert re.findall(r"^\w+", log.read_text(), re.MULTILINE) == [
        *("chown", "fchmod", "fsync", "link", "fsync"),  # the key, then its name
        *("chown", "fchmod", "fsync", "rename", "fsync"),
    ]
