"""HTML as mail programs and exports write it: nothing is hidden, and a flood costs little."""

import base64
import time

import pytest
from opening_messages import ROSTER, crlf, opened, tables, words

from rules.content import Role, Text

SSN = "219-09-9999"
ROWS = [line.split(",") for line in ROSTER.splitlines()]


def html(body: str) -> str:
    return words(opened(crlf(f"Content-Type: text/html; charset=utf-8\n\n{body}\n")))


def test_html_text_keeps_numbers_whole_and_lines_apart() -> None:
    text = html("<p>Ada 219-<b>09</b>-9999</p><div>next<br>line</div>")

    assert "Ada 219-09-9999" in text.splitlines()
    assert "next\nline" in text


HIDDEN = [
    f"<p style='display:none'>{SSN}</p>",
    f"<!-- {SSN} -->",
    f"<img alt='{SSN}'>",
    f"<a href='mailto:a@b.example?subject={SSN.replace('-', '%2D')}'>x</a>",
    f"<meta name=x content='{SSN}'>",
    f"<input value='{SSN}'>",
    f"<script>var x = '{SSN}'</script>",
    f"<style>p::before {{content: '{SSN}'}}</style>",
    f"<noscript><p>{SSN}</p></noscript>",
    f"<template><p>{SSN}</p></template>",
    f"<title>{SSN}</title>",
    f"<textarea>{SSN}</textarea>",
    f"<iframe srcdoc='<p>{SSN}</p>'></iframe>",
    f"<a href='data:text/plain;base64,{base64.b64encode(SSN.encode()).decode()}'>x</a>",
    f"<p data-ssn='{SSN}'>x</p>",
    "<p>219&#45;09&hyphen;9999</p>".replace("&hyphen;", "&#x2d;"),
    f"<svg><text>{SSN}</text></svg>",
    f"<table><tr><td>{SSN}</td></tr></table>",
    f"{SSN}<p>",
    f"<!DOCTYPE x [<!-- {SSN} -->",
    f"<p>x</p></body></html>{SSN}",
    f"<select><option>{SSN}</select>",
    f"<object>{SSN}</object>",
    f"<xmp>{SSN}</xmp>",
    f"<![CDATA[{SSN}]]>",
]


@pytest.mark.parametrize("body", HIDDEN)
def test_html_hides_nothing(body: str) -> None:
    assert SSN in html(body)


def test_a_value_stands_beside_what_the_page_calls_it() -> None:
    form = "<p>Social Security No.<input id=t1 value='212486397'></p><input type=hidden name=ssn value='312486398'>"
    page = form + "<meta name=ssn content='412486399'><p data-ssn='512486391'>x</p>"
    page += "<textarea name=ssn>612486392</textarea><select name=ssn><option selected>712486393</option></select>"

    text = html(page).splitlines()

    assert "Social Security No. 212486397" in text
    assert {"ssn: 312486398", "ssn: 412486399", "ssn: 512486391", "ssn: 612486392", "ssn: 712486393"} <= set(text)


def test_html_tables_of_data_are_tables_and_frames_of_a_page_are_text() -> None:
    rows = "".join(f"<tr><td><p>{a}</p></td><td>{b}</td><td>{c}</td></tr>" for a, b, c in ROWS)
    page = f"<table><tr><td>Dear Acme</td><td><table>{rows}</table></td></tr></table>"

    message = opened(crlf(f"Content-Type: text/html\n\n{page}\n"))

    assert [list(row) for row in tables(message)[0].rows] == ROWS
    body = message.parts[0].outcome.contents[0]  # type: ignore[union-attr]
    assert isinstance(body, Text)
    assert (body.role, body.content) == (Role.BODY, "Dear Acme")


FLOODS = ["<div>" * 200_000, "<b><a><i>" * 50_000, "<table><tr><td>" * 50_000, "<" * 500_000, "<p a=" * 100_000]


@pytest.mark.parametrize("page", FLOODS)
def test_html_floods_cost_little(page: str) -> None:
    start = time.process_time()

    html(page)

    assert time.process_time() - start < 3
