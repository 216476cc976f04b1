import numpy as np

from generation.personalization.dppmg.titles.content import TitleContent
from generation.personalization.dppmg.titles.makeup import make_up, parts

HOT_DOG = TitleContent("i", {"en": "hot dog", "de": "Hotdog", "ja": "\u30d4\u30b6"}, {"en": ("sausage", "food")})


def test_parts_of_titles_by_hand():
    plain = make_up("hot dog", HOT_DOG)
    assert (plain.words, plain.phrase) == (0.0, 0.0)
    words = make_up("hot dog: sausage, food", HOT_DOG)
    assert (words.language, words.words, words.phrase) == ("en", 11 / 17, 0.0)
    phrase = make_up("Say hello to: hot dog!", HOT_DOG)
    assert (phrase.words, phrase.phrase) == (0.0, 10 / 16)
    assert make_up("\u30d4\u30b6\uff1f\u3082\u3061\u308d\u3093\uff01", HOT_DOG).language == "ja"


def test_a_title_of_something_else_has_no_make_up():
    assert make_up("fox", HOT_DOG) is None
    assert make_up("hot dog", HOT_DOG, ["ja"]) is None


def test_a_short_rest_is_no_phrase():
    assert make_up("hot dogs", HOT_DOG).phrase == 0.0


def test_columns_of_parts():
    found = [make_up(text, HOT_DOG) for text in ("hot dog", "hot dog: food", "Today: hot dog", "Today: hot dog, food")]
    np.testing.assert_array_equal(parts([*found, None]), [[0, 0], [1, 0], [0, 1], [1, 1], [0, 0]])
