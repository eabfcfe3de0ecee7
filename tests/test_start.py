"""What is imported before the first message is looked at: it is what a person waits for, and what workers hold."""

import inspect
import subprocess
import sys

from gateway.opening.registry import OPENERS

HEAVY = {
    "sqlalchemy",
    "presidio_analyzer",
    "spacy",
    "numpy",
    "fastapi",
    "pdfplumber",
    "openpyxl",
    "py7zr",
    "PIL",
    "lxml",
}
IMPORTS = "import gateway.cli, gateway.scan, gateway.workers.zygote, gateway.inspection, sys; print(*sys.modules)"


def test_scan_waits_for_nothing_that_a_plain_mail_does_without() -> None:
    """`scan` of one message answers in a second only while libraries of a few formats are left for later."""
    done = subprocess.run([sys.executable, "-c", IMPORTS], capture_output=True, text=True, check=True)
    assert HEAVY & set(done.stdout.split()) == set()


def test_every_opener_of_the_table_is_there() -> None:
    """They are named as text and imported late: a wrong name would hold the first mail of its kind."""
    for opener in OPENERS.values():
        name = inspect.getclosurevars(opener).nonlocals
        module = __import__(f"gateway.opening.{name['module']}", fromlist=[name["function"]])
        assert callable(getattr(module, name["function"]))
