"""A record as CSV: a line a value, with its section, the number of its row, and its name."""

import csv
import io
import re

from generation.review.web.record.sections import Facts, Record, text_of

COLUMNS = ("section", "row", "name", "value")
FORMULA = re.compile(r"[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")


def table(record: Record) -> bytes:
    """The file: UTF-8 with a byte-order mark, which spreadsheets need to see that it is."""
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(COLUMNS)
    for section in record.sections:
        if isinstance(section, Facts):
            rows = [(section.title, "", name, text_of(value)) for name, value in section.rows]
        else:
            rows = [
                (section.title, str(number), name, text_of(value))
                for number, row in enumerate(section.rows, 1)
                for name, value in zip(section.columns, row, strict=True)
            ]
        writer.writerows([harmless(cell) for cell in row] for row in rows)
    return stream.getvalue().encode("utf-8-sig", "replace")


def harmless(text: str) -> str:
    """A text that no spreadsheet takes for a formula: an apostrophe stands before what would begin one.

    Examples
    --------
    >>> harmless("=1+1"), harmless("-0.25"), harmless("fox")
    ("'=1+1", '-0.25', 'fox')
    """
    return f"'{text}" if FORMULA.match(text) and not NUMBER.fullmatch(text) else text
