"""Every limit set to one: a list of people in any format still waits, because what was not read is never clean.

Other scanners pass what is over a limit of theirs; whoever knows the limit then knows the way out.
"""

import sys
from importlib import import_module

import carriers
import pytest
from carrier_folder import FORMATS
from test_carriers import attached

from gateway.inspection import Tools, inspect
from gateway.message import Limits
from rules.clients import Directory
from rules.decide import decide
from rules.detect import Detector
from rules.policy import Policy
from rules.verdict import Disposition

PEOPLE = carriers.table(40)
CHOSEN = (
    *(
        "XLSX",
        "XLSB",
        "XLS",
        "ODS",
        "CSV, utf-8",
        "fixed width",
        "report",
        "DOCX",
        "RTF",
        "PPTX",
        "PDF of several pages",
    ),
    *("PDF notes", "HTML", "XML", "JSON", "YAML", "MSG", "TNEF", "mail in a mail", "ZIP", "7z", "TAR.GZ", "nested"),
)  # each limit is met by one of them
MESSAGES = {name: attached(FORMATS[name], PEOPLE) for name in CHOSEN}
STRANGER = "someone@elsewhere.example"

SETTINGS = [Limits(max_parts=1), Limits(max_depth=1), Limits(max_expanded=1)]
LIMITS = {
    "gateway.mime": "MOST_LEVELS _MOST_READINGS",
    "gateway.mime_header": "LARGEST_BLOCK MOST_FIELDS",
    "gateway.opening.compressed": "LARGEST_FILE _MOST_MEMBERS",
    "gateway.opening.html": "_MOST_LEVELS _MOST_TABLES_DEEP",
    "gateway.opening.image": "PIXELS",
    "gateway.opening.look_in": "_MOST_ENTRIES _LARGEST_LIST",
    "gateway.opening.macos": "_LARGEST",
    "gateway.opening.metafile": "RECORDS",
    "gateway.opening.opendocument": "_WIDEST",
    "gateway.opening.outlook": "_MOST_LEVELS",
    "gateway.opening.pdf": "PAGES",
    "gateway.opening.pdfnotes": "NOTES OPTIONS PACKETS",
    "gateway.opening.sheetxml": "AREA",
    "gateway.opening.spreadsheet": "_COPIES",
    "gateway.opening.structured": "_MOST_LEVELS _LARGEST_YAML",
    "gateway.opening.zipped": "_MOST_ENTRIES",
    "rules.detect": "MOST_HITS",
    "rules.confirm": "REGEX_TIMEOUT_S",
    "rules.supporting": "MOST_TEXT _MOST_HITS",
    "rules.columns": "LONGEST SAMPLE",
    "rules.aligned": "_LONGEST_LINE",
    "rules.shaped": "LONGEST_LINE",
    "rules.positional": "_LONGEST_LINE",
    "rules.places": "PROSE",
    "rules.whose": "_WORDS",
}


@pytest.fixture(scope="module")
def tools() -> Tools:
    return Tools(limits=Limits(), detector=Detector(), directory=Directory.load(None))


def relayed(tools: Tools) -> list[str]:
    policy = Policy.load(None)
    verdicts = {
        name: decide(policy, tools.directory, (STRANGER,), inspect(raw, tools)) for name, raw in MESSAGES.items()
    }
    return [name for name, verdict in verdicts.items() if verdict.disposition is not Disposition.HOLD]


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in LIMITS.items() for name in names.split()]
)
def test_a_limit_of_one_lets_nothing_through(
    tools: Tools, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    """Wherever else the limit was imported to, it is one there too."""
    value = getattr(import_module(module), name)
    for other in list(sys.modules.values()):
        if (other.__name__ or "").startswith(("gateway", "rules")) and getattr(other, name, None) is value:
            monkeypatch.setattr(other, name, 1e-9 if name == "REGEX_TIMEOUT_S" else 1)

    assert relayed(tools) == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("limits", SETTINGS, ids=["max_parts", "max_depth", "max_expanded"])
def test_a_setting_of_one_lets_nothing_through(tools: Tools, limits: Limits) -> None:
    assert relayed(Tools(limits=limits, detector=tools.detector, directory=tools.directory)) == []


def test_the_same_without_people_would_be_relayed(tools: Tools) -> None:
    """Or a service that holds everything would pass the tests above."""
    prices = carriers.harmless(40)
    policy = Policy.load(None)
    for name in ("CSV", "XLSX"):
        raw = attached(next(each for key, each in FORMATS.items() if key.startswith(name)), prices)
        assert decide(policy, tools.directory, (STRANGER,), inspect(raw, tools)).disposition is Disposition.RELAY
