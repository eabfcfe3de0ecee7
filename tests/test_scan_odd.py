"""`countersign scan` over a folder of odd files: a verdict for each, a status for each part, no crash and no hang."""

import json
import random
import subprocess
import sys
from pathlib import Path

import carriers
import carriers_mail
from carrier_folder import FORMATS
from test_fuzz import CRASHERS

ODD = ("XLSX", "XLSB", "XLS", "DOC", "PDF", "TNEF", "MSG", "7z", "RAR, rar29", "RAR, rar50", "nested", "JSON")


def odd_files(folder: Path) -> int:
    """Everything that ends in .eml, whatever it is: carriers cut and scrambled, noise, nothing, programs."""
    chance = random.Random(3)
    rows = carriers.table(3)
    odd = [b"", b"\0" * 5000, b"\r\n", chance.randbytes(3000), b"From ", b"Subject: \xff\xfe\r\n\r\n\xff", b":" * 4000]
    odd += [Path(sys.executable).resolve().read_bytes()[:200_000], *(file.read_bytes() for file in CRASHERS)]
    for name in ODD:
        content = FORMATS[name].write(rows)
        cut = content[: len(content) * 2 // 3]
        scrambled = bytes(byte ^ (chance.random() < 0.01) for byte in content)
        odd += [content, *(carriers_mail.write_eml(spoilt, "file.bin") for spoilt in (cut, scrambled))]
    for number, content in enumerate(odd):
        (folder / f"{number:02d}.eml").write_bytes(content)
    return len(odd)


def test_every_odd_file_gets_a_verdict_and_every_part_a_status(tmp_path: Path) -> None:
    """An archive of sent mail holds everything that ever went wrong in one."""
    count = odd_files(tmp_path)
    program = [sys.executable, "-c", "from gateway.cli import main; main()", "scan", "--json"]
    program += ["--rcpt-to", "someone@elsewhere.example", str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=110, check=False)

    assert done.returncode == 0, done.stderr
    verdicts = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(verdicts) == count
    for verdict in verdicts:
        statuses = {part["status"] for part in verdict["parts"]}
        assert statuses
        assert statuses <= {"opened", "partial", "unopened"}
        assert statuses == {"opened"} or verdict["disposition"] == "hold"
