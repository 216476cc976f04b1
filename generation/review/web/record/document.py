"""A record as PDF: the pictures, then the sections, with fonts in the file so that it looks the same everywhere."""

import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.fonts import FontFace
from PIL import Image, UnidentifiedImageError

from generation.review.web.record.fonts import Typesetting, needs_shaping, shipped
from generation.review.web.record.sections import Facts, Record, Rows, Value, text_of

MARGIN_MM, PICTURE_MM = 16, 62
HEADED_MM = 24
"""A section begins on a page that has this much room left, so that no heading stands alone."""
SMALL, PLAIN, LARGE, TITLE = 7.5, 9, 11, 17
"""Sizes of type, points."""
FACE = "record"
WIDE, LONG = 7, 200
"""A table with more columns, or a longer text in a cell, is written as a list a row."""
PART = 1500
"""Signs of a text that stand in one cell."""


class _Sheet(FPDF):
    """A4 with the heading and the page's number at its foot."""

    foot = ""

    def footer(self) -> None:
        self.set_y(-12)
        self.set_font(FACE, "", SMALL)
        self.cell(0, 5, f"{self.foot} · page {self.page_no()}", align="C")


def document(record: Record, *, now: datetime, more_fonts: Sequence[str] = ()) -> bytes:
    """The file.

    Parameters
    ----------
    record
        What stands in it.
    now
        Its date.
    more_fonts
        Font files for signs that the shipped fonts lack (``review.fonts``).
    """
    plain, bold, japanese = shipped()
    setting = Typesetting([plain, japanese, *(Path(name) for name in more_fonts)])
    record = _printable(record, setting)
    sheet = _opened(record, setting, plain, bold, now)
    _pictures(sheet, record)
    for section in record.sections:
        sheet.ln(2)
        if sheet.will_page_break(HEADED_MM):
            sheet.add_page()
        sheet.set_font(FACE, "B", LARGE)
        sheet.cell(0, 7, section.title, new_x="LMARGIN", new_y="NEXT")
        if isinstance(section, Facts):
            _facts(sheet, section.rows)
        else:
            _rows(sheet, section)
    if setting.lacking:
        _say_lacking(sheet, setting)
    return bytes(sheet.output())


def _printable(record: Record, setting: Typesetting) -> Record:
    def say(value: object) -> str:
        return setting.printable(text_of(value))  # type: ignore[arg-type]

    sections: list[Facts | Rows] = []
    for section in record.sections:
        if isinstance(section, Facts):
            facts = [(say(name), say(value)) for name, value in section.rows]
            sections.append(Facts(title=section.title, rows=facts))
        else:
            rows = [[say(value) for value in row] for row in section.rows]
            sections.append(
                Rows(title=section.title, columns=section.columns, rows=rows, empty=setting.printable(section.empty))
            )
    return Record(heading=say(record.heading), original=record.original, cover=record.cover, sections=sections)


def _texts(record: Record) -> list[str]:
    cells = [str(value) for section in record.sections for row in section.rows for value in row]
    return [record.heading, *cells]


def _opened(record: Record, setting: Typesetting, plain: Path, bold: Path, now: datetime) -> _Sheet:
    """A sheet with the fonts that the record needs, and its heading."""
    sheet = _Sheet(format="A4")
    sheet.set_creation_date(now)
    sheet.set_title(record.heading)
    sheet.set_creator("Coverlift review")
    sheet.set_margins(MARGIN_MM, MARGIN_MM)
    sheet.set_auto_page_break(True, 16)
    sheet.add_font(FACE, "", plain)
    sheet.add_font(FACE, "B", bold)
    others = [font for font in setting.used(_texts(record)) if font != plain]
    for number, font in enumerate(others):
        sheet.add_font(f"{FACE}{number}", "", font)
    sheet.set_font(FACE, "", PLAIN)
    sheet.set_fallback_fonts([f"{FACE}{number}" for number in range(len(others))], exact_match=False)
    if any(needs_shaping(text) for text in _texts(record)):
        sheet.set_text_shaping(True)
    sheet.foot = "Coverlift: record of a cover"
    sheet.add_page()
    sheet.set_font(FACE, "B", TITLE)
    heading = record.heading if len(record.heading) <= LONG else f"{record.heading[:LONG]}…"
    sheet.multi_cell(0, 8, heading, new_x="LMARGIN", new_y="NEXT")
    return sheet


def _pictures(sheet: _Sheet, record: Record) -> None:
    top = sheet.get_y() + 2
    for place, (words, data) in enumerate((("Original", record.original), ("Candidate", record.cover))):
        left = MARGIN_MM + place * (PICTURE_MM + 10)
        sheet.set_xy(left, top)
        sheet.set_font(FACE, "", PLAIN)
        sheet.cell(PICTURE_MM, 5, words)
        picture = _readable(data)
        sheet.set_xy(left, top + 6)
        if picture is None:
            sheet.cell(PICTURE_MM, 8, "The picture is not in the store.")
        else:
            sheet.image(picture, x=left, y=top + 6, w=PICTURE_MM, h=PICTURE_MM, keep_aspect_ratio=True, alt_text=words)
    sheet.set_xy(MARGIN_MM, top + PICTURE_MM + 9)


def _readable(data: bytes | None) -> Image.Image | None:
    """The picture on white; None where there is none, or none that can be read."""
    if data is None:
        return None
    try:
        with Image.open(io.BytesIO(data)) as picture:
            whole = picture.convert("RGBA")
            white = Image.new("RGBA", whole.size, "white")
            return Image.alpha_composite(white, whole).convert("RGB")
    except (UnidentifiedImageError, OSError):
        return None


def _facts(sheet: _Sheet, rows: Iterable[tuple[str, Value]]) -> None:
    sheet.set_font(FACE, "", PLAIN)
    with sheet.table(
        col_widths=(28, 72),
        first_row_as_headings=False,
        borders_layout="HORIZONTAL_LINES",
        line_height=4.6,
        padding=0.7,
        text_align="LEFT",
    ) as table:
        for name, value in rows:
            for place, part in enumerate(_pieces(str(value)) or ["–"]):
                row = table.row()
                row.cell("(continued)" if place else str(name))
                row.cell(part)


def _pieces(text: str) -> list[str]:
    """A text in parts of which each fits a page."""
    return [text[start : start + PART] for start in range(0, len(text), PART)]


def _rows(sheet: _Sheet, section: Rows) -> None:
    sheet.set_font(FACE, "", SMALL)
    if not section.rows:
        sheet.multi_cell(0, 5, section.empty, new_x="LMARGIN", new_y="NEXT")
        return
    if len(section.columns) > WIDE or any(len(str(value)) > LONG for row in section.rows for value in row):
        for row in section.rows:
            _facts(sheet, zip(section.columns, row, strict=True))
            sheet.ln(3)
        return
    with sheet.table(
        col_widths=_widths(section), borders_layout="HORIZONTAL_LINES", line_height=3.9, padding=0.6,
        headings_style=FontFace(emphasis="B"), text_align="LEFT",
    ) as table:  # fmt: skip
        table.row([str(name) for name in section.columns])
        for row in section.rows:
            table.row([str(value) or "–" for value in row])


def _widths(section: Rows) -> tuple[int, ...]:
    """Widths by the longest text of each column, so that hashes break in few lines."""
    longest = [
        max(len(str(name)), *(len(str(row[place])) for row in section.rows))
        for place, name in enumerate(section.columns)
    ]
    return tuple(min(max(length + 2, 9), 34) for length in longest)


def _say_lacking(sheet: _Sheet, setting: Typesetting) -> None:
    sheet.ln(3)
    sheet.set_font(FACE, "", PLAIN)
    signs = f"{len(setting.lacking)} sign{'' if len(setting.lacking) == 1 else 's'}"
    sheet.multi_cell(
        0,
        5,
        f"No font of this desk has {signs} of the texts above: they are printed as their Unicode numbers, like "
        "[U+D55C]. The CSV file has the texts as they are; the setting review.fonts adds fonts.",
        new_x="LMARGIN",
        new_y="NEXT",
    )
