"""Whose field a number stands in: its own, or that of the label before it. Lines of programs, settings and logs."""

import re

_FIELD = 96  #: characters before the end of a label in which its line may begin
_OWN_LINE = re.compile(  # the number's line says what it is, whatever the line above speaks of
    r"\n[\s>*-]{0,40}[\"']?(?:id|uid|key|code|size|count|number|port|pid)[\"']?[ \t]{0,3}[:=][ \t]{0,3}[\"']?$"
)
_HAS_ITS_OWN = re.compile(r"[:=][ \t]{0,3}[^\s:=]")  #: value, as in "ssn_masking: on"
_FIELD_OF_A_LINE = re.compile(  # as the lines of programs and settings begin
    r"[\s>*+-]{0,40}(?:[A-Za-z_][\w.]{0,40}[ \t]{0,3}=|[\"']?[a-z_][a-z0-9_.]{0,40}[\"']?[ \t]{0,3}:)[ \t]{0,3}[\"']?"
)
_ARGUMENT = re.compile(r"[(,] ?[a-z_]\w{0,40}=$")  #: "def mask(text, seed=9"
_OF_ITS_OWN = re.compile(  # an option of a command, a variable, a column of a condition: whatever stood before
    r"(?<![\w-])(?:-[A-Za-z]|--(?!\w*(?:value|number))[a-z][\w-]{0,40})[ =]$"
    r"|\b(?:u?int|long|double|float|final|static|const|let|var|auto)[\w ]{1,60} ?= ?$"
    r"|(?i:\b(?:where|and|or)\s{1,9}[\w.\"`\[\]]{1,60}\s{1,9}(?:not\s{1,9})?in\s{0,9}\(\s{0,9}"
    r"(?:['\"]?[0-9-]{1,12}['\"]?\s{0,9},\s{0,9}){0,20}['\"]?)$"
)
_WORD = r"[^\s,;{}\[\]\"'()]{1,40}"
_LITERAL = r"(?:true|false|null|none|yes|no|on|off)\b|[0-9]{1,6}\b"
_LABEL_HAS_A_VALUE = re.compile(  # "ssn_masked=yes", "ssnCheck: passed", '"ssn": null'
    rf"(?i:(?:\w{{0,40}}[\"']?[ \t]{{0,3}}=[ \t]{{0,3}}(?:\"[^\"\n]{{1,40}}\"|'[^'\n]{{1,40}}'|{_WORD})"
    rf"|[\"']?[ \t]{{0,3}}:[ \t]{{0,3}}(?:{_LITERAL})"
    rf"|\w{{1,40}}[\"']?[ \t]{{0,3}}:[ \t]{{0,3}}(?:\"[^\"\n]{{1,40}}\"|{_WORD})))(?=[\s,;|&}}])"
)
_SAYS_NOTHING = (
    "value|number|num|nbr|text|data|raw|plain|clear|full|person|member|employee|participant|spouse|dependent"
)
_FIELD_OF_ANOTHER = re.compile(
    rf"(?i:(?<![\w-])[\"']?(?!\w{{0,20}}(?:{_SAYS_NOTHING})s?[\"' \t:=])[a-z_][\w.-]{{0,40}}[\"']?"
    r"[ \t]{0,3}[:=][ \t]{0,3}[\"']?)$"
)


_OF_WHOM = "primary|owner|borrower|applicant|beneficiary|insured|subscriber|patient|worker|ee|emp"
_REST_OF_A_NAME = re.compile(  # "ssnValue": "212486397", and what parts a name from its value; not "ssnUpdateCount"
    rf"(?i:(?:{_SAYS_NOTHING}|{_OF_WHOM}|no|val|txt|str|string|field|fld|input|box|id|identifier|identification|identity"
    r"|tin|itin|ein|fein|tax|or|of|for|enc|encrypted|digits|unmasked|[0-9_.-]){1,6})"
    r"[\w.-]{0,2}[\"'\])]{0,3}\s{0,3}(?:[:=>|(]{1,3}\s{0,3}(?:</?[\w:.-]{1,40}>\s{0,3}){0,3})?[\"'\[{(]{0,3}"
)
_NAME_OF_A_FILE = re.compile(  # the label is a piece of its name: "ssn_masker.py", "ssn-validator"
    r"[\w-]{0,40}\.(?:py|sh|js|ts|sql|java|rb|go|cs|c|cpp|h|exe|dll|php|pl|ps1|bat|ya?ml|toml|log|zip|jar|gz|7z|bak|bin)(?!\w)"
    r"|[_-](?:validator|masker|checker|indexer|parser|scanner|tokenizer|service|svc|api|lookup|sync|job)[\w-]{0,40}"
)
_LEADS_ON = re.compile(r"[ \t.:#=\"'>(]{1,6}")


def is_in_a_name(text: str, label_end: int, start: int) -> bool:
    """Whether the label is a piece of a name of a program or a file, and the number does not follow at once."""
    name = _NAME_OF_A_FILE.match(text, label_end, start)
    return name is not None and _LEADS_ON.fullmatch(text, name.end(), start) is None


def names_another(text: str, label_end: int, start: int) -> bool:
    """Whether the label is but the beginning of a name, and the number is not that name's value."""
    goes_on = text[label_end : label_end + 1].isalpha()
    return goes_on and _REST_OF_A_NAME.fullmatch(text, label_end, start) is None


def is_in_another(text: str, label_end: int, start: int) -> bool:
    """Whether the number at `start` stands in another field than the label before it."""
    if _OWN_LINE.search(text, label_end, start) or _OF_ITS_OWN.search(text, label_end, start):
        return True
    value = _LABEL_HAS_A_VALUE.match(text, label_end, start)
    if value and _FIELD_OF_ANOTHER.search(text, value.end(), start):
        return True
    return _is_on_another_line(text, label_end, start)


def _is_on_another_line(text: str, label_end: int, start: int) -> bool:
    """A field on a line above, with a value, and the number in a field below: "ssn = ask()", "LIMIT = 9"."""
    line_end = text.find("\n", label_end, start)
    if line_end < 0:
        return False
    near = max(0, label_end - _FIELD)
    label_line = text[max(near, text.rfind("\n", near, label_end)) : line_end]
    own_line = text[text.rfind("\n", line_end, start) + 1 : start]
    if _HAS_ITS_OWN.search(label_line) is None:
        return False
    return _FIELD_OF_A_LINE.fullmatch(own_line) is not None or _ARGUMENT.search(own_line) is not None
