"""Nights side by side."""

import json
from datetime import date

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from conf.errors import ContractError, UsageError
from conf.settings import Settings
from jobs.lake.context import Context
from jobs.lake.schema.runs import RUNS
from recsys_eval.report.between import Nights, changes, compare_nights, days_of, read_nights, settings_changed

DAYS = (date(2026, 3, 28), date(2026, 3, 29))


def figure(name, value, half=0.01, **more):
    told = {"about": f"About {name} <b>&", "low": value - half, "high": value + half, "p": 0.5, "n": 900, "of": "users"}
    return {"name": name, "value": value, "unit": "relative lift", "simulated": True, **told, **more}


@pytest.fixture
def ctx(tmp_path):
    """Two nights: one figure rose a lot, one hardly, one has no interval, one is new."""
    lift = "lambdarank-played.generated.wndcg@10.lift"
    documents = {
        DAYS[0]: [figure(lift, 0.01), figure("ab.all.lift", 0.05), figure("n", 3.0, low=None, high=None)],
        DAYS[1]: [figure(lift, 0.09), figure("ab.all.lift", 0.052), figure("n", 4.0, low=None), figure("new", 1.0)],
    }
    for day, figures in documents.items():
        folder = tmp_path / "reports" / f"ds={day}"
        folder.mkdir(parents=True)
        document = {"ds": day.isoformat(), "figures": figures}
        (folder / "metrics.json").write_text(json.dumps(document), encoding="utf-8")
    return Context(ds=DAYS[1], home=tmp_path, settings=Settings())


def test_what_changed_by_more_than_chance_comes_first(ctx):
    found = changes(read_nights(ctx, DAYS))
    assert [change.figure["name"] for change in found] == ["lambdarank-played.generated.wndcg@10.lift", "ab.all.lift"]
    assert [change.shown for change in found] == [True, False]
    rose = found[0]
    assert rose.difference == pytest.approx(0.08)
    # two intervals of half width 0.01 make one of 0.01 x sqrt(2)
    assert (rose.low, rose.high) == pytest.approx((0.08 - 0.01 * 2**0.5, 0.08 + 0.01 * 2**0.5))


def test_the_page_carries_everything_and_runs_nothing(ctx, capsys):
    compare_nights(ctx, Nights(nights=("2026-03-28", "2026-03-29")))
    page = (ctx.home / "reports" / "nights.html").read_text(encoding="utf-8")
    assert "1 of 2 figures differs between 2026-03-28 and 2026-03-29" in page
    assert page.count('class="strip"') == 2
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;" in page
    assert "<script" not in page
    assert "http" not in page.replace('http-equiv="Content-Security-Policy"', "")
    out = capsys.readouterr().out
    assert "lambdarank-played.generated.wndcg@10.lift: +8.0" in out.replace("8.00 %", "8.0")


def test_nights_without_a_common_figure_say_so(ctx, capsys):
    path = ctx.home / "reports" / "ds=2026-03-28" / "metrics.json"
    path.write_text(json.dumps({"ds": "2026-03-28", "figures": []}), encoding="utf-8")
    compare_nights(ctx, Nights(nights=("2026-03-28", "2026-03-29"), out=ctx.home / "x" / "page.html"))
    assert capsys.readouterr().out.startswith("No figure with an interval")
    assert (ctx.home / "x" / "page.html").is_file()


def test_settings_that_differ_are_listed_by_night(ctx):
    rows = []
    for day, method in zip(DAYS, ("profile", "icg"), strict=True):
        config = json.dumps({"generation": {"method": method, "canvas": 64}, "ds": day.isoformat()})
        rows.append({"ds": day.isoformat(), "stage": "generate", "status": "done", "config": config})
    schema = pa.schema([RUNS.schema.field(name) for name in rows[0]])
    write_deltalake(ctx.lake.path("runs"), pa.Table.from_pylist(rows, schema=schema), partition_by=["ds"])
    assert settings_changed(ctx, DAYS) == [("generation.method", ['"profile"', '"icg"'])]


@pytest.mark.parametrize(
    ("days", "words"), [(DAYS[:1], "two nights"), (DAYS[:1] * 2, "each once"), ((DAYS[0], date(2026, 4, 1)), "missing")]
)
def test_nights_that_cannot_be_compared_are_refused_in_words(ctx, days, words):
    with pytest.raises(UsageError, match=words):
        read_nights(ctx, days)


def test_a_day_that_is_none_is_refused_in_words():
    with pytest.raises(UsageError, match="YYYY-MM-DD"):
        days_of(["2026-02-30"])


def test_a_broken_document_is_named(ctx):
    (ctx.home / "reports" / "ds=2026-03-28" / "metrics.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ContractError, match="no metrics"):
        read_nights(ctx, DAYS)
