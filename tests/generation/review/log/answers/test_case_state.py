import pytest

from generation.review.log.answers.case_state import Unit, settle
from generation.review.log.sealing.chain import Entry


def said(*words):
    """Entries from short words: who:what, where what is approve, reject, takedown, or +c2 for a pick."""
    log = []
    for seq, word in enumerate(words, 1):
        who, _, what = word.partition(":")
        rules, kind = what.endswith("!"), what.removesuffix("!")
        cover = kind[1:] if kind.startswith("+") else "c1"
        kind = "pick" if kind.startswith("+") else kind
        log.append(Entry(kind=kind, ds="2026-03-29", by=who, unit_id="u", cover_id=cover, adjudicates=rules, seq=seq))
    return log


@pytest.mark.parametrize(
    ("policy", "sampled", "words", "expected"),
    [
        (None, False, [], ("pending", None, "c1", False)),
        ("ask", False, [], ("pending", None, "c1", False)),
        ("approve", False, [], ("auto", None, "c1", False)),
        ("approve", True, [], ("sampled", None, "c1", False)),
        ("reject", False, [], ("auto", None, "c1", False)),
        ("ask", False, ["ann:approve"], ("done", "approve", "c1", False)),
        ("reject", False, ["ann:approve"], ("done", "approve", "c1", True)),
        ("approve", True, ["ann:approve", "bob:reject"], ("done", "reject", "c1", True)),
        ("ask", False, ["ann:+c2"], ("done", "approve", "c2", False)),
        ("approve", False, ["ann:+c2"], ("done", "approve", "c2", True)),
        ("ask", False, ["ann:takedown", "bob:approve"], ("done", "takedown", "c1", False)),
    ],
)
def test_the_last_decision_counts_and_a_takedown_for_ever(policy, sampled, words, expected):
    state = settle(Unit(selected="c1", policy=policy, sampled=sampled), said(*words))
    assert (state.queue, state.verdict, state.cover_id, state.doubtful) == expected


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ann:approve"], ("pending", None, "ann")),
        (["ann:approve", "bob:approve"], ("done", "approve", None)),
        (["ann:reject", "bob:reject"], ("done", "reject", None)),
        (["ann:approve", "bob:reject"], ("disputed", None, None)),
        (["ann:approve", "bob:+c2"], ("disputed", None, None)),
        (["ann:+c2", "bob:+c2"], ("done", "approve", None)),
        (["ann:approve", "bob:reject", "lea:reject!"], ("done", "reject", None)),
    ],
)
def test_two_people_must_agree_or_a_lead_settles_it(words, expected):
    state = settle(Unit(selected="c1", policy="ask", doubled=True), said(*words))
    assert (state.queue, state.verdict, state.first_voter) == expected


@pytest.mark.parametrize(
    ("words", "held"),
    [
        (["ann:approve"], False),
        (["ann:reject"], True),
        (["ann:reject", "bob:approve"], True),
        (["ann:approve", "bob:+c2"], True),
        (["ann:approve", "bob:approve"], False),
        (["ann:approve", "bob:reject", "lea:approve!"], False),
    ],
)
def test_a_rejection_or_a_dispute_holds_a_cover_until_it_is_settled(words, held):
    state = settle(Unit(selected="c1", policy="approve", doubled=True), said(*words))
    assert (state.held is not None) == held


def test_what_was_undone_does_not_count():
    log = said("ann:approve", "bob:reject")
    assert settle(Unit(selected="c1", policy="ask"), log, {2}).by == "ann"
    assert settle(Unit(selected="c1", policy="ask"), log, {1, 2}).queue == "pending"
