from generation.personalization.dppmg.titles.content import (
    LABEL_LENGTH,
    TitleContent,
    clean,
    content_of,
    fold,
    read_content,
)
from tests.support.worlds.samples import sample


def test_hostile_text_is_made_harmless():
    assert clean("fox\u202e\u0000\n<b>red</b>", 60) == "fox <b>red</b>"  # markup is for the checks of titles
    assert len(clean("x" * 10_000, LABEL_LENGTH)) == LABEL_LENGTH
    assert clean("Ka\u0308se", 60) == "K\u00e4se"  # NFC
    assert clean(" \u200b ", 60) == ""


def test_labels_without_a_letter_are_not_there():
    content = content_of("i", {"en": "!!", "de": "Fuchs", "es": None}, {"en": [None, "", "red"]})
    assert content.labels == {"de": "Fuchs"}
    assert content.words == {"en": ("red",)}


def test_the_labels_own_word_is_not_told_again():
    content = TitleContent("i", {"en": "fox"}, {"en": ("Fox", "red", "animal", "wild", "fast", "sly")})
    assert content.told("en") == ("fox", ("red", "animal", "wild", "fast"))


def test_fold_compares_letters():
    assert fold("\u00a1Hola, FOX-9!") == "holafox9"


def test_items_without_labels_are_left_out(new_lake):
    rows = sample("items", 2, item_id=["a", "b"], labels=[[("en", "fox")], None])
    new_lake.replace(rows, "items")
    found = read_content(new_lake)
    assert list(found) == ["a"]
    assert found["a"].labels == {"en": "fox"}
    assert found["a"].words == {"en": ("food", "slice")}
