"""A worker that may open no file still opens every format, because everything was loaded before it was forked."""

import os
import subprocess
import sys

_SCRIPT = """
import builtins, io, os, sys
sys.path[:0] = ["tests"]
import carriers, carriers_binary, carriers_pages
from openings import open_with
from gateway.message import Opened
from gateway.opening import image, legacy, opendocument, pdf, rtf, slides, spreadsheet, warm, word
rows = carriers.table(5)
files = [
    (spreadsheet.open_workbook, carriers.write_xlsx(rows)), (word.open_word, carriers.write_docx(rows)),
    (slides.open_slides, carriers.write_pptx(rows)), (pdf.open_pdf, carriers_pages.write_pdf(rows)),
    (opendocument.open_opendocument, carriers.write_ods(rows)), (rtf.open_rtf, carriers.write_rtf(rows)),
    (legacy.open_legacy, carriers_binary.write_xls(rows)), (legacy.open_legacy, carriers_binary.write_doc(rows)),
    (spreadsheet.open_binary_workbook, carriers_binary.write_xlsb(rows)),
    (image.open_image, carriers_pages.write_image(["warm"], "JPEG")),
]
have_ocr = image.warm() is not None
warm.warm()
if len(os.listdir("/proc/self/task")) != 1:
    os.write(2, b"more than one thread"); os._exit(5)
def refuse(event, arguments):
    if event in {"open", "os.listdir", "os.scandir", "socket.connect", "subprocess.Popen"}:
        os.write(2, f"{event} {arguments[0]!r}\\n".encode()); os._exit(3)
sys.addaudithook(refuse)
for opener, content in files:
    outcome = open_with(opener, content).outcome
    if not isinstance(outcome, Opened) and (have_ocr or opener is not image.open_image):
        os.write(2, f"{opener.__name__} {outcome.note}\\n".encode()); os._exit(4)
os._exit(0)
"""


_ENVIRONMENT = os.environ | {"OPENBLAS_NUM_THREADS": "1"}  # as the service sets it before it imports anything


def test_nothing_is_read_from_disk_after_warming_up() -> None:
    """An import or a codec that comes late fails in the sandbox, and the mail is held for nothing."""
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT], capture_output=True, text=True, check=False, timeout=60, env=_ENVIRONMENT
    )
    assert done.returncode == 0, done.stderr
