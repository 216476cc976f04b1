"""The CSV file: read back it is what was written, and a spreadsheet runs nothing of it."""

import csv
import io

import pytest

from generation.review.web.record.sections import Facts, Record, Rows
from generation.review.web.record.table import harmless, table
from tests.support.desk.hostile_texts import TEXTS


def lines(data):
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


def test_a_line_a_value():
    record = Record(
        heading="fox", original=None, cover=None,
        sections=[
            Facts(title="Item", rows=[("title", 'キツネ, "rot"\nzweizeilig'), ("size", 12)]),
            Rows(title="Decisions", columns=("who", "what"), rows=[("ann", "approve"), ("bob", None)]),
            Rows(title="Nights", columns=("night",), rows=[]),
        ],
    )  # fmt: skip
    data = table(record)
    assert data.startswith(b"\xef\xbb\xbf")
    assert lines(data) == [
        ["section", "row", "name", "value"],
        ["Item", "", "title", 'キツネ, "rot"\nzweizeilig'],
        ["Item", "", "size", "12"],
        ["Decisions", "1", "who", "ann"],
        ["Decisions", "1", "what", "approve"],
        ["Decisions", "2", "who", "bob"],
        ["Decisions", "2", "what", ""],
    ]


@pytest.mark.parametrize(("text", "written"), [
    ("=1+1", "'=1+1"), ("@SUM(1)", "'@SUM(1)"), ("+1+1", "'+1+1"), ("\t=1", "'\t=1"),
    ("-0.25", "-0.25"), ("+3", "+3"), ("-1e-05", "-1e-05"), ("-rf", "'-rf"), ("", ""),
])  # fmt: skip
def test_what_a_spreadsheet_would_run_is_text(text, written):
    assert harmless(text) == written


def test_hostile_texts_begin_no_formula():
    record = Record(heading="x", original=None, cover=None, sections=[Facts(title="t", rows=[("n", x) for x in TEXTS])])
    assert not [line[3] for line in lines(table(record)) if line[3][:1] in "=@\t\r" and line[3]]
