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
    assert verdicts([])["the user embedding matters: single users"] == "holds"
    assert verdicts([], p=0.2)["the user embedding matters: single users"] == "not shown"


def test_what_cannot_be_measured_says_so_and_a_method_that_is_not_there_has_no_claim():
    assert verdicts([])["people prefer the covers"] == "not measurable here"
    assert {each.paper for each in claims_of(["profile"], [], [])} == {"all"}


def of_pigeon(*figures):
    return {each.claim: each.verdict for each in claims_of(["profile", "pigeon"], figures, [])}


def figure(**given):
    base = {"section": "paired", "level": "user", "method": "pigeon", "figure": "gap closed", "users": 9, "items": 4}
    return Figure(**{**base, "value": 0.1, "low": 0.05, "high": 0.2, **given})


def test_pigeons_claims_rest_on_noise_masks_and_stages():
    noisy = figure(section="noise", slice="household 40%", against="profile")
    assert of_pigeon(noisy)["captures preference from noisy history: household 40% of false clicks"] == "holds"
    told = "the mask keeps what tells a taste: own clicks, random 40%"
    mask = {"section": "mask", "figure": "mask", "slice": "own clicks, random 40%"}
    assert of_pigeon(figure(**mask, value=0.6, low=0.55, high=0.7))[told] == "holds"
    assert of_pigeon(figure(**mask, value=0.6, low=0.45, high=0.7))[told] == "not shown"
    assert of_pigeon(figure(**mask, value=0.4, low=0.3, high=0.45))[told] == "does not hold"
    assert of_pigeon(figure(against="pigeon-stage1"))["stage 2 aligns further: single users"] == "holds"
    assert (
        of_pigeon(figure(method="pigeon-stage1", against="profile"))["stage 1 aligns without labels: single users"]
        == "holds"
    )


def test_dppmgs_claims_rest_on_its_continuous_arm_and_on_subjects():
    continuous = figure(method="dppmg", against="dppmg-continuous", low=-0.3, high=-0.1)
    subject = figure(method="dppmg", section="figures", figure="subject R@10", value=0.97)
    found = {each.claim: each.verdict for each in claims_of(["dppmg"], [continuous, subject], [])}
    assert found["codes lose nothing against the continuous preference: single users"] == "does not hold"
    assert found["the item stays recognisable: single users"] == "does not hold"


def test_what_titles_add_is_told_where_there_are_titles():
    names = {"section": "titles", "level": "segment", "method": "dppmg, with title"}
    both = figure(**names, figure="lift", against="dppmg")
    agreeing = figure(
        **{**names, "method": "dppmg, chosen to agree"}, figure="agreement", against="dppmg, with title", low=-0.1
    )
    titles = Permutation(level="segment", method="titles", own=0.2, shuffled=0.1, z=4, p=0.001, shuffles=999, n=9)
    found = {each.claim: each.verdict for each in claims_of(["dppmg"], [both, agreeing], [titles])}
    assert found["picture and title together gain over the picture: segments"] == "holds"
    assert found["a reward that asks picture and title to agree brings them together: segments"] == "not shown"
    assert found["the title is personalised: segments"] == "holds"
    assert not any("title" in each.claim for each in claims_of(["dppmg"], [], []))
