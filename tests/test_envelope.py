"""Recipients are the envelope's: what stands in To, Cc and Bcc of a message is only words."""

from pathlib import Path

import pytest
from house import ACME, BETA, PARTNER, STRANGER, XLSX, mail

from gateway.demo.sample import participants, workbook
from gateway.inspection import Tools, inspect, prepare
from gateway.settings import Rules, Settings
from rules.decide import decide
from rules.policy import Policy

CENSUS = workbook("Acme Manufacturing, Inc.", "501234", participants(12, 1))
DIRECTORY = Path(__file__).parent / "situations" / "clients.yaml"


@pytest.fixture(scope="module")
def tools() -> Tools:
    return prepare(Settings(rules=Rules(clients=DIRECTORY)))


#: To, Cc and Bcc as written, the envelope, what follows for each of its recipients
ENVELOPES = {
    "To is right, the envelope is wrong": ({"to": ACME}, [BETA], ["hold"]),
    "To is wrong, the envelope is right": ({"to": BETA}, [ACME], ["relay"]),
    "a Bcc to another client": ({"to": ACME}, [ACME, BETA], ["relay", "hold"]),
    "a Bcc that was left in": ({"to": ACME, "Bcc": BETA}, [ACME], ["relay"]),
    "a Cc to a partner of the owner": ({"to": ACME, "Cc": PARTNER}, [ACME, PARTNER], ["relay", "relay"]),
    "only a Bcc to a stranger": ({"to": "undisclosed-recipients:;"}, [STRANGER], ["hold"]),
    "To names people elsewhere": ({"to": f'"{BETA}" <{ACME}>'}, [ACME], ["relay"]),
}


@pytest.mark.parametrize(("fields", "envelope", "each"), ENVELOPES.values(), ids=ENVELOPES)
def test_the_envelope_decides(tools: Tools, fields: dict[str, str], envelope: list[str], each: list[str]) -> None:
    """The breach of 2007 had the right words and the wrong address."""
    raw = mail(subject="census", attachments=(("census.xlsx", XLSX, CENSUS),), **fields)

    verdict = decide(Policy.load(None), tools.directory, envelope, inspect(raw, tools))

    assert [recipient.disposition for recipient in verdict.recipients] == each
    assert verdict.disposition == ("hold" if "hold" in each else "relay")
