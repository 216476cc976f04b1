import pytest

from jobs.drift.figure import Judged


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (16000.0, 19000.0, "rows is 812, usual is 16,000 to 19,000"),
        (None, 0.25, "rows is 812, usual is up to 0.25"),
        (5.0, None, "rows is 812, usual is at least 5"),
        (None, None, "rows is 812"),
    ],
)
def test_a_figure_in_words(low, high, words):
    assert str(Judged(figure="rows", value=812.0, low=low, high=high)) == words
