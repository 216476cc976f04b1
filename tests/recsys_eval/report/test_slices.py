"""Charts of where the lift is."""

from recsys_eval.report.slices import TITLES, where_charts


def row(dimension, name, lift, *, p=0.001, arm="generated", ranker="lambdarank-played"):
    return {
        "ranker": ranker, "dimension": dimension, "slice": name, "arm": arm, "metric": "wndcg@10", "users": 1234,
        "clicks": 2000, "effective_clicks": 1500.4, "value": 0.5, "lift": lift, "low": lift - 0.02,
        "high": lift + 0.02, "p": p / 5, "p_holm": p, "detectable": 0.028,
    }  # fmt: skip


PLAYED = [
    row("user", "cold users", 0.05),
    row("user", "warm users", 0.01, p=0.6),
    row("user", "warm users", -0.001, arm="a/a"),
    row("position", "place 1", 0.03, p=0.2),
]


def test_a_dimension_is_a_chart_and_a_slice_a_row_with_all_that_must_be_quoted():
    where = where_charts([*PLAYED, row("user", "cold users", 0.9, ranker="lambdarank-log")])
    assert [chart.title for chart in where.charts] == [TITLES["user"], TITLES["position"]]
    cold, warm = where.charts[0].rows
    assert (cold.label, cold.value, cold.strong, warm.strong) == ("cold users", "+5.0 %", True, False)
    assert cold.note == ("+3.0 % to +7.0 %, p < 0.005, 1,234 users, 2,000 clicks worth 1,500, smallest findable 2.80 %")
    assert warm.note.endswith("A/A −0.10 %")
    assert "cold users: +5.0 %, interval +3.0 % to +7.0 %" in cold.strip
    assert where.caption.startswith("Played next day")


def test_all_charts_share_one_axis():
    """The same lift stands at the same place in every dimension."""
    (one,), (other,) = (
        chart.rows for chart in where_charts([row("user", "cold users", 0.05), row("category", "x", 0.05)]).charts
    )
    assert one.strip.split(">", 1)[1] == other.strip.split(">", 1)[1]


def test_the_log_is_charted_where_no_day_was_played_and_nothing_where_nothing_was_measured():
    log = where_charts([row("user", "cold users", 0.0, ranker="lambdarank-log")])
    assert log.caption.startswith("Log as it was")
    assert where_charts([]) is None
