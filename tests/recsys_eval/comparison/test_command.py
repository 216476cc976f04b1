"""The whole comparison in small: real painter, judge and encoder over a small night of stickers."""

import json
from dataclasses import replace

import numpy as np
import pytest

from conf.errors import UsageError
from generation.diffusion.painter import Painter
from recsys_eval.comparison import arms, command, pictures
from recsys_eval.comparison.cast import Sizes
from recsys_eval.comparison.command import Compare, compare
from recsys_eval.comparison.eyes import Eyes
from recsys_eval.comparison.figures.appearance import MEASURES
from recsys_eval.comparison.report.document import Document
from recsys_eval.judge.model import Judge
from reward_model.encoders.model import load_text_encoder

FIGURES, COLLECTIONS = ("lift", "gap closed"), ("KID", "diversity", "real or painted")
SCORES = ("relevance", "CS to the title", "CIS to the original", "history CS", "history CIS")
SIZES = Sizes(users=6, items=2, groups=1, noise_users=6, seeds=2)
WRITTEN = ("compare.json", "compare.schema.json", "compare.md", "sheet.webp")


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    """Batches of four, so that there are some; models are loaded once."""
    painter, eyes, words = Painter.load(), Eyes(Judge.load()), load_text_encoder()
    out = tmp_path_factory.mktemp("compare")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "BATCH", 4)
        patch.setattr(arms, "painter_of", lambda settings: painter)
        patch.setattr(command, "Eyes", lambda judge: eyes)
        patch.setattr(command, "load_text_encoder", lambda: words)
        yield Compare(
            methods=("original", "profile"),
            noise=(0.4,),
            titles=True,
            out=out,
            sizes=SIZES,
            resamples=50,
            classifier_steps=4,
        )


@pytest.fixture(scope="module")
def ctx(people_night):
    """One title an item and words group."""
    settings = people_night.ctx.settings
    return replace(
        people_night.ctx,
        settings=settings.model_copy(update={"titles": settings.titles.model_copy(update={"samples": 0})}),
    )


@pytest.fixture(scope="module")
def document(ctx, options):
    compare(ctx, options)
    return Document.model_validate_json((options.out / "compare.json").read_text())


def found(document, **wanted):
    return [each for each in document.figures if all(getattr(each, key) == value for key, value in wanted.items())]


def test_both_levels_have_every_figure_with_its_interval(document):
    for level in ("segment", "user"):
        for figure in (*FIGURES, *MEASURES, *COLLECTIONS, *SCORES):
            (one,) = (
                each
                for each in found(document, level=level, method="profile", figure=figure, slice="all", against=None)
                if each.section != "titles"
            )
            assert one.low is not None
            assert one.low <= one.value <= one.high
    assert {each.slice for each in found(document, section="noise", figure="loss")} == {
        "none", "random 40%", "household 40%",
    }  # fmt: skip
    assert all(each.value == 0 for each in found(document, section="noise", figure="loss", slice="none"))
    assert [(each.level, each.method) for each in document.permutations] == [
        ("segment", "profile"), ("user", "profile"), ("segment", "titles"), ("user", "titles"),
    ]  # fmt: skip
    assert "3 clicks or more" in {each.slice for each in found(document, section="clicks")}


def test_titles_are_written_and_shown_with_and_without_covers(document, options):
    assert document.command.count("--titles") == 1
    (language,) = found(document, section="titles", level="segment", figure="right language")
    assert language.value > 0.9
    for level in ("segment", "user"):
        arms = {each.method for each in found(document, section="titles", level=level, figure="lift")}
        assert arms == {"title alone", "profile", "profile, with title"}
    assert "## Covers and titles" in (options.out / "compare.md").read_text()


def test_pages_are_written_and_the_schema_is_that_of_the_document(document, options):
    page = (options.out / "compare.md").read_text()
    assert "## Segments" in page
    assert "## By clicks known" in page
    assert "simulated" in page
    assert json.loads((options.out / "speed.json").read_text())["profile"]["pictures_per_second"] > 0
    assert (options.out / "sheet.webp").read_bytes()[:4] == b"RIFF"


def test_every_part_of_the_document_is_what_the_schema_says(document, options):
    """A walk over the JSON by the schema: names, required ones, and the kind of every value."""
    schema = json.loads((options.out / "compare.schema.json").read_text())
    kinds = {"string": str, "number": (int, float), "integer": int, "null": type(None), "array": list, "object": dict}

    def fits(value, part):
        part = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else part
        if "anyOf" in part:
            return any(fits(value, each) for each in part["anyOf"])
        if "enum" in part or "const" in part:
            return value in part.get("enum", [part.get("const")])
        if not isinstance(value, kinds[part["type"]]):
            return False
        if part["type"] == "array":
            return all(fits(each, part["items"]) for each in value)
        if part["type"] == "object" and "properties" in part:
            return set(part["required"]) <= set(value) <= set(part["properties"]) and all(
                fits(each, part["properties"][name]) for name, each in value.items()
            )
        return True

    told = json.loads((options.out / "compare.json").read_text())
    assert fits(told, schema)
    assert not fits({**told, "more": 1}, schema)
    assert not fits({**told, "figures": [{**told["figures"][0], "value": "much"}]}, schema)


def test_killed_at_any_moment_it_goes_on_and_ends_with_the_same_bytes(document, ctx, options, tmp_path, monkeypatch):
    """Killed five times, before a batch, and between writing a batch and naming it."""
    whole = {name: (options.out / name).read_bytes() for name in WRITTEN}
    rng = np.random.default_rng(5)
    painted = []
    real_paint, real_replace = Painter.paint, pictures.os.replace
    fuse = {"left": 0}

    def burns():
        fuse["left"] -= 1
        if fuse["left"] < 0:
            raise KeyboardInterrupt

    def paint(self, **told):
        burns()
        painted.append(len(told["prompts"]))
        return real_paint(self, **told)

    def renamed(source, target):
        if str(target).endswith(".npz"):
            burns()
        real_replace(source, target)

    monkeypatch.setattr(Painter, "paint", paint)
    monkeypatch.setattr(pictures.os, "replace", renamed)
    again = replace(options, out=tmp_path)
    for _ in range(5):
        fuse["left"] = int(rng.integers(4))
        with pytest.raises(KeyboardInterrupt):
            compare(ctx, again)
        assert not (tmp_path / "compare.json").exists()
    fuse["left"] = 10**6
    compare(ctx, again)
    assert {name: (tmp_path / name).read_bytes() for name in WRITTEN} == whole
    count = len(painted)
    compare(ctx, again)
    assert len(painted) == count  # nothing is painted twice


def test_a_dry_run_says_how_much_and_paints_nothing(ctx, options, tmp_path, capsys):
    compare(ctx, replace(options, out=tmp_path / "dry", dry_run=True))
    assert "to paint: about" in capsys.readouterr().out
    assert not (tmp_path / "dry").exists()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"methods": ("original", "profil")}, "did you mean 'profile'"),
        ({"methods": ("original",)}, "name a method"),
        ({"level": ("users",)}, "segment and user"),
        ({"noise": (1.0,)}, "below 1"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_read(ctx, options, change, says):
    with pytest.raises(UsageError, match=says):
        compare(ctx, replace(options, **change))


def test_the_command_that_is_printed_has_what_decides_the_figures(options):
    told = command.command_of(options)
    assert told.startswith("coverlift compare --methods original --methods profile")
    assert "--users 6 --items 2 --groups 1 --noise-users 6 --seeds 2" in told
    more = command.command_of(replace(options, adapter=("icg-old=/somewhere",), ablations=True))
    assert "--adapter icg-old=FOLDER --ablations" in more
