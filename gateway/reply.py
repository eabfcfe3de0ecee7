"""An SMTP reply as a value: RFC 5321 code, RFC 3463 status, text. The replies of CONTRACT section 5 stand here once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reply:
    """One reply, perhaps of several lines (joined by line feeds); `text` begins with the enhanced status code."""

    code: int
    text: str

    def __str__(self) -> str:
        return f"{self.code} {self.text}"

    @property
    def accepted(self) -> bool:
        return 200 <= self.code < 300

    @property
    def transient(self) -> bool:
        return 400 <= self.code < 500


TRY_LATER = Reply(451, "4.3.0 not accepted, please try again later")
IN_FLIGHT = Reply(451, "4.3.0 another node has this very message in hand, please try again later")
STORE_FULL = Reply(452, "4.3.1 not accepted, no room to keep it")
NO_DOWNSTREAM = Reply(451, "4.4.1 next hop cannot be reached, please try again later")
MALFORMED = Reply(554, "5.6.0 bare CR, bare LF or NUL in the message")
TOO_BIG = Reply(552, "5.3.4 message is larger than this server takes")
LOOP = Reply(554, "5.4.6 too many hops, the message goes round in a loop")
NOT_ALLOWED = Reply(554, "5.7.1 client is not allowed to relay here")
REFUSED = Reply(550, "5.7.1 refused by policy")


def held(hold_id: str) -> Reply:
    return Reply(250, f"2.0.0 held for review as {hold_id}")


def pending(hold_id: str) -> Reply:
    return Reply(250, f"2.0.0 accepted for inspection as {hold_id}")
