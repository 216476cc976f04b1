from recsys_eval.comparison.report.claims import claims_of
from recsys_eval.comparison.report.document import Figure, Permutation


def ahead(low):
    return Figure(
        section="paired", level="segment", method="icg", figure="gap closed", against="profile", value=0.1, low=low,
        high=0.2, users=9, items=4,
    )  # fmt: skip


def verdicts(figures, p=0.001):
    test = Permutation(level="user", method="icg", own=0.2, shuffled=0.1, z=4, p=p, shuffles=999, n=9)
    return {each.claim: each.verdict for each in claims_of(["profile", "icg"], figures, [test])}


def test_a_claim_holds_where_the_interval_lies_above_nothing():
    claim = "generated covers match preference better than handcrafted conditioning: segments"
    assert verdicts([ahead(0.02)])[claim] == "holds"
    assert verdicts([ahead(-0.02)])[claim] == "not shown"
    assert verdicts([ahead(-0.4).model_copy(update={"high": -0.1})])[claim] == "does not hold"
    assert claim not in verdicts([])


def test_the_permutation_test_decides_about_the_user_embedding():
    assert verdicts([])["the user embedding matters: user level"] == "holds"
    assert verdicts([], p=0.2)["the user embedding matters: user level"] == "not shown"


def test_what_cannot_be_measured_says_so_and_a_method_that_is_not_there_has_no_claim():
    assert verdicts([])["people prefer the covers"] == "not measurable here"
    assert {each.paper for each in claims_of(["profile"], [], [])} == {"all"}
