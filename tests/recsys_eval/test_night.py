"""What the parts of an evaluation share, on a world with known truth."""

from datetime import timedelta

from recsys_eval.night import Findings
from recsys_eval.statistics.figures import Figure
from tests.support.worlds.known_world import CUT, DS


def test_findings_add_up_in_order():
    one = Figure(name="a", about="", value=1.0, simulated=True)
    other = Figure(name="b", about="", value=2.0, simulated=True)
    whole = Findings(rows=[{"metric": "x"}], figures=[one])
    whole.add(Findings(rows=[{"metric": "y"}], figures=[other], notes=["not measured"]))
    assert [row["metric"] for row in whole.rows] == ["x", "y"]
    assert (whole.figures, whole.notes) == ([one, other], ["not measured"])


def test_days_of_the_log_lie_after_the_cut_and_the_next_day_is_played(telling_night, unplayed_night):
    assert telling_night.logged_days == [CUT + timedelta(days=n) for n in range(1, (DS - CUT).days + 1)]
    assert telling_night.next_day == DS + timedelta(days=1)
    assert (telling_night.played, unplayed_night.played) == (True, False)
    assert not telling_night.simulated


def test_items_that_nobody_was_shown_are_new_and_traffic_is_a_row_a_user(telling_night):
    assert telling_night.new_items == {f"i{number:03d}" for number in range(40, 48)}
    traffic = telling_night.user_traffic
    assert traffic.columns == ["user_id", "impressions_28d"]
    assert (traffic.height, traffic["impressions_28d"].unique().to_list()) == (300, [40])
