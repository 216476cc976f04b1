import pytest

from conf.errors import Refused
from generation.review.web.names import checked_name, look_alike

PEOPLE = ("ann", "bill", "tom", "lea", "max.mueller", "o.neil")


@pytest.mark.parametrize(
    "name",
    ["Ann", "ANN", "аnn", "biII", "bi1l", "bіll", "torn", "t0m", "léa", "Iea", "max.rnueller", "0.neil"],
)  # fmt: skip
def test_names_that_would_be_taken_for_anothers(name):
    assert look_alike(name, PEOPLE) in PEOPLE


@pytest.mark.parametrize("name", ["anna", "hannes", "bob", "tim", "leo", "max.meyer", "наташа", "李雷"])
def test_names_of_other_people(name):
    assert look_alike(name, PEOPLE) is None
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["ﬁona", "ａnn", "e\u0301ve", "a\u200bnn", "a nn", ""])
def test_letters_in_disguise_are_refused(name):
    with pytest.raises(Refused):
        checked_name(name)
