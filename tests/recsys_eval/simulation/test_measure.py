"""Truth, style and subject end to end, with a judge that recognises pictures by their nearest real drawing."""

import pytest


def figure(findings, name):
    return next(f for f in findings.figures if f.name == name)


def test_covers_in_the_favourite_style_truly_win(simulated):
    lift = figure(simulated, "truth.all.published.lift")
    assert lift.low > 0.05
    assert lift.n == 240
    # a segment's own covers beat other segments', and those painted for nobody
    assert lift.low > figure(simulated, "truth.all.shuffled.lift").value
    assert lift.low > figure(simulated, "truth.all.unpersonalised.lift").value
    gap = figure(simulated, "truth.all.published.gap_closed")
    assert 0.4 < gap.low < gap.value <= 1.0
    assert figure(simulated, "truth.all.best_drawing.lift").value >= lift.value


def test_what_is_not_published_counts_as_nothing_gained(simulated):
    painted = figure(simulated, "truth.feed.published.painted")
    assert 0 < painted.value < 0.2  # 30 of 216 new items
    assert painted.n == 216
    feed, shown = (
        figure(simulated, "truth.feed.published.gap_closed"),
        figure(simulated, "truth.new_items.published.gap_closed"),
    )
    assert 0 < feed.low < feed.high < shown.low
    assert feed.value == pytest.approx(painted.value * shown.value, rel=0.25)  # the 30 are a random sample
    assert figure(simulated, "truth.feed.published.lift").low > 0
    assert figure(simulated, "truth.feed.icg.lift").value < figure(simulated, "truth.feed.published.lift").value


def test_real_drawings_are_judged_like_painted_ones(simulated):
    # this judge knows every real drawing (but for subjects that look the same), and takes any two of a subject for one
    for arm in ("best_drawing_judged", "best_drawing_unseen"):
        assert 0.98 < figure(simulated, f"truth.all.{arm}.gap_closed").value <= 1.0


def test_everything_is_marked_simulated(simulated):
    assert simulated.figures
    assert all(f.simulated for f in simulated.figures)


def test_a_method_beside_is_measured_on_the_same_pairs_and_never_published(simulated):
    ahead = figure(simulated, "truth.over_icg.lift")
    assert ahead.low > 0  # it went less far towards the favourite
    assert figure(simulated, "truth.new_items.icg.lift").value < figure(simulated, "truth.new_items.published.lift").low
    assert figure(simulated, "looks.icg.style").value < figure(simulated, "looks.published.style").value
    for space in ("judge", "encoder"):
        distances = [figure(simulated, f"distance.{space}.{arm}") for arm in ("published", "icg", "original")]
        assert distances[0].high < distances[1].value < distances[2].value
        assert all(0 < each.low <= each.value <= each.high for each in distances)
    between = {arm: figure(simulated, f"diversity.{arm}") for arm in ("published", "icg")}
    assert between["icg"].value == pytest.approx(0.4**2, rel=0.1)  # a blend's differences, squared
    assert between["published"].value == pytest.approx(0.75**2, rel=0.1)


def test_rows_for_the_table(simulated):
    rows = {(row["metric"], row["arm"], row["slice"]): row for row in simulated.rows}
    assert len(rows) == len(simulated.rows)
    row = rows["true click probability", "published", "simulated truth: new items"]
    assert row["low"] < row["lift"] < row["high"]
    assert rows["true click probability", "original", "simulated truth: all"]["lift"] is None
    assert ("gap closed", "shuffled", "simulated truth: all") in rows
    assert ("judge style", "published", "held-out subjects") in rows
