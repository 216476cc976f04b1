"""How values are written."""

from generation.review.web.record.sections import text_of


def test_nothing_is_lost_of_what_is_no_fraction():
    assert [text_of(value) for value in (None, "", 2**60, "0.10", 0.1, 1 / 3)] == [
        "", "", "1152921504606846976", "0.10", "0.1", "0.333333",
    ]  # fmt: skip
