"""The page: complete, self-contained, and readable when parts of the night are missing."""

import itertools
import json
from html.parser import HTMLParser

import pytest

from conf.errors import UsageError
from recsys_eval import stage as evaluation
from recsys_eval.night import Findings
from recsys_eval.report import stage, view
from recsys_eval.report.gallery import load_gallery
from recsys_eval.simulation.painted import load_painted
from tests.support.worlds.sticker_night import make_sticker_night


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.ids = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        if "id" in attributes:
            self.ids.add(attributes["id"])

    def handle_data(self, data):
        self.text.append(data)


@pytest.fixture(scope="module")
def night(evaluated_night):
    return evaluated_night


@pytest.fixture(scope="module")
def html(night):
    stage.run(night.ctx)
    return (stage.report_dir(night.ctx) / "index.html").read_text()


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


def test_nothing_is_fetched_from_anywhere(html, page):
    for tag, attributes in page.tags:
        assert tag not in ("script", "iframe", "link", "object", "embed", "video", "audio")
        for name, value in attributes.items():
            if name in ("src", "href", "srcset", "action", "data", "xlink:href"):
                assert value.startswith(("data:image/", "#")), (tag, name, value)
    assert "http://" not in html
    assert "https://" not in html
    assert "url(" not in html
    policy = next(a["content"] for t, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; img-src data:")
    assert len(html.encode()) < 8e6


def test_every_segment_and_its_items_are_there(night, page):
    gallery = load_gallery(night.ctx, count=24)
    text = " ".join(page.text)
    assert len(gallery.segments) == 3
    for segment in gallery.segments:
        assert f"Segment {segment.segment_id}: {segment.size:,} users" in text
        assert segment.favourite in text
        painted = [
            a["alt"] for t, a in page.tags if t == "img" and f"painted for segment {segment.segment_id}" in a["alt"]
        ]
        beside = [alt for alt in painted if "that icg painted" in alt]
        assert (len(painted) - len(beside), len(beside)) == (8, 8)


def test_where_the_lift_is_has_a_row_for_every_slice_with_its_size_and_power(night, page):
    document = json.loads((stage.report_dir(night.ctx) / "metrics.json").read_text(encoding="utf-8"))
    text = " ".join(page.text)
    assert "slices" in page.ids
    shown = [row for row in document["slices"] if (row["ranker"], row["arm"]) == ("lambdarank-played", "generated")]
    assert shown
    for row in shown:
        assert f"{row['users']:,} users, {row['clicks']:,} clicks worth {row['effective_clicks']:,.0f}" in text
        assert row["slice"] in text


def test_methods_stand_side_by_side_where_one_painted_beside_the_other():
    def figure(value, unit):
        return {"value": value, "low": value - 0.01, "high": value + 0.01, "unit": unit}

    figures = {
        "diversity.published": figure(0.6, "share"),
        "diversity.profile": figure(0.5, "share"),
        "truth.new_items.published.lift": figure(0.2, "relative lift"),
        "distance.judge.original": figure(0.9, "distance"),
    }
    original, own, beside = view.method_rows(figures, "icg")
    assert (original.name, own.name, beside.name) == ("original", "icg (published)", "profile")
    assert own.cells[0] == ("+20.0 %", "+19.0 % to +21.0 %")
    assert original.cells[5][0] == "0.900"
    assert (own.cells[7][0], beside.cells[7][0], original.cells[7]) == ("60.0 %", "50.0 %", ("", ""))
    assert view.method_rows({"diversity.published": figure(0.6, "share")}, "profile") == []


def test_it_is_accessible(page):
    levels = [int(tag[1]) for tag, _ in page.tags if tag in ("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(later <= earlier + 2 for earlier, later in itertools.pairwise(levels))
    images = [attributes for tag, attributes in page.tags if tag == "img"]
    assert images
    assert all(attributes.get("alt") for attributes in images)
    charts = [attributes for tag, attributes in page.tags if tag == "svg"]
    assert all(attributes["role"] == "img" and attributes["aria-label"] for attributes in charts)
    assert ("html", {"lang": "en"}) in page.tags
    anchors = [a["href"][1:] for t, a in page.tags if t == "a"]
    assert set(anchors) <= page.ids


def test_figures_from_the_world_are_named_simulated(page):
    text = " ".join(page.text)
    assert "What is real, what is simulated." in text
    assert text.count("simulated") >= 8


def test_numbers_are_those_of_the_table(night, html):
    document = json.loads((stage.report_dir(night.ctx) / "metrics.json").read_text())
    table = night.lake.read("ranking_lift", ds=night.ctx.ds).to_pylist()
    assert len(table) == len(document["ranking_lift"])
    lift = next(figure for figure in document["figures"] if figure["name"] == "ab.published_pairs.lift")
    row = next(
        row for row in table if row["slice"] == "A/B: published pairs" and row["metric"] == "ctr" and row["lift"]
    )
    assert lift["value"] == row["lift"]
    assert {"value", "low", "high", "n", "unit", "simulated", "about", "p", "detectable", "of", "name"} == set(lift)
    assert lift["simulated"] is True
    assert f"{100 * lift['value']:+.1f} %".replace("-", "−") in html


def test_a_night_with_nothing_to_show_still_renders(tmp_path):
    bare = make_sticker_night(tmp_path, users=60, items_painted=0, segments_of=2, played=False)
    notes = Findings(notes=["nothing could be measured"], caveats=["half of the log is drawn"])
    document = evaluation.as_document(bare, notes)
    html = stage.render(bare.ctx, document)
    text = " ".join(Page(html).text)
    assert "Nothing was published on 2026-03-29" in text
    assert "Whether these covers are clicked more is not known yet." in text
    assert "nothing could be measured" in text
    assert "Before you read this Half of the log is drawn." in " ".join(text.split())
    assert load_painted(bare) is None


def test_without_an_evaluation_it_says_what_to_run(tmp_path, night):
    ctx = type(night.ctx)(ds=night.ctx.ds, home=tmp_path, settings=night.ctx.settings)
    with pytest.raises(UsageError, match="coverlift evaluate --ds 2026-03-29"):
        stage.run(ctx)


def test_titles_are_escaped(night, html):
    document = evaluation.as_document(night, Findings(notes=["<script>alert(1)</script>"]))
    assert "<script>" not in stage.render(night.ctx, document)
