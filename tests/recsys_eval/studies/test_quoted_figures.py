import json
import re
from datetime import date
from pathlib import Path

import pytest
from deltalake import write_deltalake

from conf.errors import UsageError
from conf.load import load_settings
from jobs.lake.context import Context
from jobs.lake.schema.runs import RUNS
from recsys_eval.studies.quoted_figures import (
    BEGIN,
    END,
    QUOTES,
    REWARD_MODEL,
    QuotedFigures,
    measured,
    quoted_figures,
    table,
    with_table,
)
from tests.support.worlds.samples import sample

ROOT = Path(__file__).parents[3]
DAY = date(2026, 3, 29)
OF_THEIR_OWN = ("world.md", "compare.md", "dppmg.md", "methods.md")
"""Guides with figures of another kind: the world's parameters, methods side by side, titles, single users."""


def test_the_readme_quotes_what_the_command_kept():
    kept = json.loads((ROOT / "docs" / "figures.json").read_text(encoding="utf-8"))
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert with_table(page, table(kept)) == page, "coverlift study figures sets them in; do not write them by hand"
    assert [row["name"] for row in kept["figures"]] == [quote.name for quote in QUOTES]
    for row in kept["figures"]:
        found = row["measured"]
        assert found["low"] <= found["value"] <= found["high"], row["name"]


def test_no_other_guide_gives_a_figure_of_that_kind():
    """What a night gains stands in the README and, with its day, among the experiments; guides link there."""
    guides = [
        path
        for path in (ROOT / "docs").glob("*.md")
        if path.name not in ("world.md", "compare.md", "dppmg.md", "methods.md")
    ]
    interval = re.compile(r"\[(?=[^\]]*[+.-])[+-]?\d+\.?\d*, [+-]?\d+\.?\d*\]")
    assert len(guides) > 10
    found = {path.name: interval.findall(path.read_text(encoding="utf-8")) for path in guides}
    assert {name: hits for name, hits in found.items() if hits} == {}


@pytest.fixture
def night(tmp_path):
    """A night with two stages in its ledger and every figure at a tenth, give or take a hundredth."""
    ctx = Context(ds=DAY, home=tmp_path, settings=load_settings())
    runs = sample("runs", 2, ds=DAY.isoformat(), stage=["plan", "report"], seconds=[90.0, 30.0])
    write_deltalake(ctx.lake.path("runs"), runs.cast(RUNS.schema), partition_by=["ds"])
    names = {name for quote in QUOTES for name in (quote.name, quote.control) if name not in ("", REWARD_MODEL)}
    figures = [{"name": name, "value": 0.1, "low": 0.09, "high": 0.11} for name in sorted(names)]
    report = tmp_path / "reports" / f"ds={DAY}"
    report.mkdir(parents=True)
    (report / "metrics.json").write_text(json.dumps({"figures": figures}))
    models = tmp_path / "models" / "reward"
    (models / "champion").mkdir(parents=True)
    (models / "abc").mkdir()
    (models / "champion" / f"ds={DAY}.json").write_text(json.dumps({"version": "abc"}))
    lead = {"gauc": {"value": 0.006, "low": 0.003, "high": 0.009}}
    (models / "abc" / "model.json").write_text(json.dumps({"files": {}, "metrics": {"torch - lightgbm": lead}}))
    return ctx


def test_a_nights_figures_are_kept_and_set_into_the_page(night, tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    options = QuotedFigures(date="2026-11-24", machine="a loom", out=tmp_path / "figures.json", readme=readme)
    quoted_figures(night, options)
    page = readme.read_text()
    assert page.startswith(f"before\n{BEGIN}\n")
    assert page.endswith(f"{END}\nafter\n")
    assert "old" not in page
    assert "measured on 2026-11-24 (a loom)" in page
    assert "All stages took 2 minutes." in page
    assert "**+10.0 % [+9.0, +11.0]** | A/A: +10.0 % [+9.0, +11.0] |" in page
    assert "**+0.0060 [+0.0030, +0.0090]**" in page
    assert json.loads((tmp_path / "figures.json").read_text())["night_seconds"] == 120
    assert capsys.readouterr().out.strip() in page


def test_what_is_missing_is_named(night, tmp_path):
    with pytest.raises(UsageError, match="--date"):
        quoted_figures(night, QuotedFigures())
    with pytest.raises(UsageError, match=r"no figure 'truth.all.published.lift'"):
        measured({}, QUOTES[0])
    with pytest.raises(UsageError, match="marks"):
        with_table("a page", "text")
    (tmp_path / "reports" / f"ds={DAY}" / "metrics.json").unlink()
    with pytest.raises(UsageError, match="coverlift nightly"):
        quoted_figures(night, QuotedFigures(date="2026-11-24"))
