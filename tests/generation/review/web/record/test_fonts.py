"""Which signs can be printed, and what stands where one cannot."""

import pytest

from generation.review.web.record.fonts import Typesetting, shipped, signs_of
from jobs.stickers.pack import PicturePack

PLAIN, _, JAPANESE = shipped()


@pytest.fixture
def setting():
    return Typesetting([PLAIN, JAPANESE])


@pytest.mark.parametrize("text", ["Straße, ¿Ñandú?", "キツネの顔 狐", "Привет, Ελλάδα", "مرحبا", "שלום", "東京"])
def test_scripts_that_are_printed(setting, text):
    assert setting.printable(text) == text
    assert setting.lacking == set()


@pytest.mark.parametrize(("text", "printed", "lacking"), [
    ("a 한국 b", "a [U+D55C U+AD6D] b", {"한", "국"}),
    ("🦊", "[U+1F98A]", {"🦊"}),
    ("हिन्दी", "[U+0939 U+093F U+0928 U+094D U+0926 U+0940]", set("हिन्दी")),
    ("a\u200db\ufe0f\x07c\nd\te\x85", "abc d e ", set()),
])  # fmt: skip
def test_signs_without_a_font_are_told_by_their_number(setting, text, printed, lacking):
    assert setting.printable(text) == printed
    assert setting.lacking == lacking


def test_only_fonts_that_are_needed_are_used(setting):
    assert setting.used(["fox", "Straße"]) == [PLAIN]
    assert setting.used(["fox", "狐"]) == [PLAIN, JAPANESE]


def test_every_title_of_the_built_in_world_is_printed(setting):
    """In its four languages, Japanese among them."""
    pack = PicturePack.load()
    titles = {label for subject in pack.subjects for label in subject.labels.values() if label}
    assert len(titles) > 4000
    assert {setting.printable(title) for title in titles} == {" ".join(title.split()) for title in titles}
    assert ord("狐") in signs_of(JAPANESE) - signs_of(PLAIN)
