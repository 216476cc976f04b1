"""Names of arms are data: tables of earlier nights and the report's page know them."""

from recsys_eval import arm_names
from recsys_eval.report.view import ARM_NAMES
from recsys_eval.simulation.measure import ABOUT


def test_names_are_those_of_earlier_nights():
    found = {value for name, value in vars(arm_names).items() if name.isupper()}
    assert found == {
        "original", "generated", "published", "shuffled", "unpersonalised", "a/a",
        "best drawing", "best drawing judged", "best drawing unseen",
        "logged order", "random drawing", "truth, covers", "truth, originals",
        "titles", "title alone",
    }  # fmt: skip
    assert set(ABOUT) <= found
    assert {"original", "generated", "shuffled", "random drawing", "unpersonalised", "a/a"} <= set(ARM_NAMES)
