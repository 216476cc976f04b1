"""The PDF, read back and drawn by another library (PDFium)."""

import re
from datetime import UTC, datetime
from pathlib import Path

import matplotlib
import numpy as np
import pypdfium2
import pytest

from benchmarks.made_up_night import drawn
from generation.review.web.record.document import document
from generation.review.web.record.sections import Facts, Record, Rows
from tests.support.desk.hostile_texts import TEXTS

FOOT = re.compile(r"Coverlift: record of a cover · page \d+")
NOW = datetime(2026, 3, 30, 8, tzinfo=UTC)


def record(heading="fox", *, cover=None, original=None, facts=(), rows=(), columns=("a", "b")):
    sections = [Facts(title="Facts", rows=facts), Rows(title="Rows", columns=columns, rows=rows, empty="None at all.")]
    return Record(heading=heading, original=original, cover=cover, sections=sections)


def texts(data):
    with pypdfium2.PdfDocument(data) as opened:
        return [FOOT.sub("", page.get_textpage().get_text_range()) for page in opened]


def ink(data):
    """Share of the first page's top strip that is not white."""
    with pypdfium2.PdfDocument(data) as opened:
        page = np.asarray(opened[0].render(scale=1).to_pil().convert("L"))
    return float((page[40:90] < 128).mean())


def test_titles_of_every_shipped_script_are_in_it_and_drawn():
    blank = ink(document(record(" "), now=NOW))
    for title in ("Straße Ñandú, Привет", "キツネの顔"):
        data = document(record(title, facts=[("title", title)]), now=NOW)
        assert texts(data)[0].count(title) == 2
        assert ink(data) > blank + 0.005
        assert b"U+" not in data


def test_what_has_no_font_is_said():
    (text,) = texts(document(record("가 fox", rows=[("a", "가🦊")]), now=NOW))
    assert "[U+AC00] fox" in text
    assert "[U+AC00 U+1F98A]" in text
    assert "2 signs of the texts above" in " ".join(text.split())
    (plain,) = texts(document(record("fox"), now=NOW))
    assert "review.fonts" not in plain


def test_a_font_of_the_settings_prints_what_the_shipped_ones_lack():
    symbols = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "STIXGeneral.ttf"
    sign = "\U0001d49c"
    assert f"[U+{ord(sign):X}]" in texts(document(record(sign), now=NOW))[0]
    (text,) = texts(document(record(sign), now=NOW, more_fonts=[str(symbols)]))
    assert sign in text
    assert "U+" not in text


@pytest.mark.parametrize(("cover", "said"), [(drawn(1), 1), (None, 2), (b"no picture", 2)])
def test_pictures_are_in_it_where_they_can_be_read(cover, said):
    data = document(record(cover=cover), now=NOW)
    assert texts(data)[0].count("The picture is not in the store.") == said
    with pypdfium2.PdfDocument(data) as opened:
        assert sum(each.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE for each in opened[0].get_objects()) == 2 - said


def test_long_tables_go_over_pages_and_a_hash_is_whole():
    digest = "0123456789abcdef" * 4
    found = texts(document(record(rows=[(number, digest) for number in range(80)]), now=NOW))
    assert len(found) > 1
    assert "".join("".join(found).split()).count(digest) == 80
    assert "None at all." in texts(document(record(), now=NOW))[0]


@pytest.mark.parametrize("words", ["a word " * 280, "狐" * 1600, "x" * 4000, "가" * 500])
def test_long_words_are_whole(words):
    digest = "0123456789abcdef" * 4
    (row,) = rows = [("ann", words, digest)]
    data = document(record(facts=[("note", words)], rows=rows, columns=("who", "note", "hash")), now=NOW)
    found = "".join("".join(texts(data)).replace("(continued)", "").split())
    printed = "".join(words.split()) if "가" not in words else "U+AC00"
    assert found.count(printed) == (2 if printed != "U+AC00" else 1000)
    assert row[2] in found


def test_texts_that_want_to_be_more_are_printed():
    found = "".join(texts(document(record(facts=[("text", text) for text in TEXTS[::5] if len(text) < 500]), now=NOW)))
    assert found.count("window.hit=1") > 10
