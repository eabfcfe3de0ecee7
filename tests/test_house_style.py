"""The house keeps its own rules: sizes, purity, and arrows that point one way."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = sorted(file for folder in ("gateway", "rules") for file in (ROOT / folder).rglob("*.py"))
IMPURE = {
    "asyncio",
    "logging",
    "os",
    "random",
    "secrets",
    "socket",
    "sqlite3",
    "sqlalchemy",
    "subprocess",
    "threading",
    "time",
}
PURE_ROOMS = {"gateway/message.py", "gateway/mime.py", "gateway/reply.py", "gateway/states.py"}

every_file = pytest.mark.parametrize("file", FILES, ids=[str(file.relative_to(ROOT)) for file in FILES])


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


@every_file
def test_a_file_is_read_in_one_sitting(file: Path) -> None:
    """400 lines, and functions of 60, are the most a reader keeps in mind."""
    text = file.read_text()

    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    long = [node.name for node in functions if (node.end_lineno or 0) - node.lineno + 1 > 60]

    assert text.count("\n") <= 400
    assert long == []


def test_no_text_bears_the_marks_of_a_merge() -> None:
    """Found once in a document, where no program complains of them."""
    marks = re.compile(r"^(?:<{7}|>{7}|\|{7}|={7})(?: |$)", re.MULTILINE)
    folders = ("gateway", "rules", "tests", "faults", "bench", "fuzz", "docs", "deploy")
    texts = [*ROOT.glob("*.md"), *(file for folder in folders for file in (ROOT / folder).rglob("*.*"))]
    written = [file for file in texts if file.suffix in {".md", ".py", ".yaml", ".html", ".css", ".service"}]

    assert len(written) > 400
    assert [file for file in written if marks.search(file.read_text())] == []


@every_file
def test_a_file_opens_with_what_it_is_for(file: Path) -> None:
    """A newcomer reads first lines."""
    assert ast.get_docstring(ast.parse(file.read_text()))


@every_file
def test_arrows_point_one_way(file: Path) -> None:
    """`gateway` knows `rules`, never the other way round; decisions know no clock, socket, log or database."""
    room = str(file.relative_to(ROOT))
    modules = set(imported(ast.parse(file.read_text())))
    tops = {module.partition(".")[0] for module in modules}

    if room.startswith("rules/"):
        assert "gateway" not in tops
    if room.startswith("rules/") or room in PURE_ROOMS:
        assert tops & IMPURE == set()
