"""The closed loop: what it refuses, what it foretells, and that it lives nights one after another."""

import json
import shutil
import signal
import subprocess
from datetime import date

import pytest

from conf.errors import UsageError
from conf.load import load_settings
from jobs.lake.context import Context
from jobs.simulate import LEFT_OUT, Loop, asked_for, check, foretold, loop_stages, run_loop, told
from recsys_eval.closed_loop.night import LoopWorld
from recsys_eval.closed_loop.report import write_report
from tests.support.runs.small_night import DS, PATIENCE_S, command, installed


def loop_in(home, *overrides, **options):
    settings = load_settings(profile="test", overrides=["world.play_share=1", *overrides])
    return Loop(**{"home": home, "settings": settings, "first": None, "nights": 2, "methods": ("profile",), **options})


def begin(loop):
    """As a loop that was killed in its first night leaves it."""
    loop.folder.mkdir(parents=True)
    write_report(loop.folder, loop.document([], []))


def test_every_method_has_a_home_and_paints_alone_and_every_night_is_a_day_later(tmp_path):
    loop = loop_in(tmp_path, methods=("profile", "pigeon"))
    night = loop.context(3, "pigeon")
    assert (night.ds, night.home) == (date(2026, 3, 31), tmp_path / "loop" / "pigeon")
    painting = night.settings.generation
    assert (painting.method, painting.beside, painting.evaluation_items) == ("pigeon", (), 0)
    assert night.settings.features.segment_history  # which pigeon is told
    assert not loop.context(1, "profile").settings.features.segment_history
    assert night.settings.world == loop.settings.world


def test_a_night_of_the_loop_is_a_night_without_its_report():
    names = [stage.name for stage in loop_stages()]
    assert (names[0], names[-1]) == ("world", "play")
    assert not set(LEFT_OUT) & set(names)


@pytest.mark.parametrize(
    ("overrides", "options", "message"),
    [
        ((), {"first": date(2026, 3, 20)}, "--ds 2026-03-20: the loop begins with .* 2026-03-29"),
        (("world.days=21",), {"first": date(2026, 3, 29)}, "2026-03-22"),
        (("ingest.source=files",), {}, "nobody clicks in a log of files"),
        (("lake.tables_url=/x",), {}, "lake.tables_url=/x: every method of the loop has a home of its own"),
        ((), {"methods": ("icg", "icg")}, "name every method once"),
        ((), {"methods": ("igc",)}, "did you mean 'icg'"),
        ((), {"frozen": ("icg",)}, "--frozen icg: name methods of the loop, each once: profile"),
        ((), {"frozen": ("profile", "profile")}, "each once"),
        ((), {"methods": ("dppmg",), "frozen": ("dppmg",)}, "preference tokens are learned anew every night"),
    ],
)
def test_what_cannot_become_a_loop_is_refused(tmp_path, overrides, options, message):
    with pytest.raises(UsageError, match=message):
        check(loop_in(tmp_path, *overrides, **options), resume=False)
    assert not list(tmp_path.iterdir())


def test_two_loops_are_not_mixed(tmp_path):
    loop = loop_in(tmp_path)
    with pytest.raises(UsageError, match="no loop to go on with"):
        check(loop, resume=True)
    begin(loop)
    check(loop, resume=True)
    check(loop_in(tmp_path, methods=("profile", "icg"), nights=5), resume=True)  # a method may join, nights be added
    with pytest.raises(UsageError, match="holds a loop: --resume goes on with it"):
        check(loop, resume=False)
    with pytest.raises(UsageError, match=r"world\.users changed from 120 to 60"):
        check(loop_in(tmp_path, "world.users=60"), resume=True)
    with pytest.raises(UsageError, match="others may join, none may leave"):
        check(loop_in(tmp_path, methods=("icg",)), resume=True)
    write_report(loop.folder, loop.document([], []))
    found = json.loads((loop.folder / "loop.json").read_text())
    (loop.folder / "loop.json").write_text(json.dumps({**found, "table": [{"night": 3}]}))
    with pytest.raises(UsageError, match=r"--nights 2: .* has lived 3 nights"):
        check(loop, resume=True)


def test_a_twin_joins_before_the_first_night_is_over_or_not_at_all(tmp_path):
    loop = loop_in(tmp_path, frozen=("profile",))
    begin(loop)
    with pytest.raises(UsageError, match="was begun with --frozen profile: none may leave"):
        check(loop_in(tmp_path), resume=True)
    check(loop_in(tmp_path, methods=("profile", "icg"), frozen=("profile", "icg")), resume=True)
    write_report(loop.folder, {**loop.document([], []), "frozen": [], "table": []})
    found = json.loads((loop.folder / "loop.json").read_text())
    (loop.folder / "loop.json").write_text(json.dumps({**found, "table": [{"night": 1}]}))
    with pytest.raises(UsageError, match=r"with --frozen none: .* none may join after the first night"):
        check(loop, resume=True)


def test_a_twin_paints_as_its_method_and_shares_its_first_night(tmp_path, finished_night):
    """Its home is a copy of the method's; from the second night on two of its stages are others."""
    loop = loop_in(tmp_path, methods=("icg",), frozen=("icg",), nights=1)
    assert loop.arms == ("icg", "icg-frozen")
    assert loop.context(2, "icg-frozen").settings == loop.context(2, "icg").settings
    first, second = loop.stages(1, "icg-frozen"), loop.stages(2, "icg-frozen")
    assert first == loop_stages() == loop.stages(2, "icg")
    assert [each.name for each, usual in zip(second, first, strict=True) if each != usual] == [
        "features",
        "train-reward",
    ]
    assert [each.name for each in second] == [each.name for each in first]

    def live(context: Context, stages):
        if not context.home.exists():
            assert context.home.name == "icg"
            shutil.copytree(finished_night, context.home)

    run_loop(loop, live, [].append, resume=False)
    rows = {row["arm"]: row for row in json.loads((loop.folder / "loop.json").read_text())["table"]}
    assert rows["icg"]["over_frozen"]["value"] == 0
    assert rows["icg-frozen"]["ctr"] == rows["icg"]["ctr"]
    assert {path.name for path in loop.folder.iterdir() if path.is_dir()} == {"icg", "icg-frozen"}


def test_a_home_that_no_loop_made_is_refused(tmp_path):
    loop = loop_in(tmp_path)
    home = loop.context(1, "profile").home
    home.mkdir(parents=True)
    (home / "notes.txt").touch()
    with pytest.raises(UsageError, match="holds files that no loop wrote"):
        check(loop, resume=False)


def test_what_is_left_out_of_the_options_is_as_the_loop_was_begun(tmp_path):
    loop = loop_in(tmp_path, nights=5)
    nothing = {"first": None, "nights": None, "methods": (), "frozen": ()}
    assert asked_for(tmp_path, loop.settings, **nothing).methods == ("profile", "icg")
    begin(loop)
    again = asked_for(tmp_path, loop.settings, **nothing)
    assert (again.nights, again.methods) == (5, ("profile",))


def test_a_dry_run_foretells_nights_and_pictures_and_goes_by_nights_that_are_done(tmp_path, finished_night):
    loop = loop_in(tmp_path, nights=14)
    lines = "\n".join(foretold(loop))
    assert "14 nights, 2026-03-29 to 2026-04-11, for 1 methods (profile); 14 of 14 are left." in lines
    assert "At most 24 pictures a night for segments, 336 in all" in lines  # 12 units of two candidates
    assert "by the default world on two cores" in lines
    home = loop.context(1, "profile").home
    home.mkdir(parents=True)
    (home / "lake").symlink_to(finished_night / "lake")
    lines = "\n".join(foretold(loop))
    assert "13 of 14 are left" in lines
    assert "by 1 finished nights of this loop" in lines


def test_a_night_is_measured_when_all_methods_have_lived_it(tmp_path, finished_night):
    """The nights are copies of the finished one; what is measured and written is the loop's own."""
    loop = loop_in(tmp_path, methods=("profile", "icg"), nights=1)
    lived, lines = [], []

    def live(context: Context, stages):
        lived.append((context.ds.isoformat(), context.home.name, stages == loop_stages()))
        shutil.copytree(finished_night, context.home)

    run_loop(loop, live, lines.append, resume=False)
    assert lived == [(DS, "profile", True), (DS, "icg", True)]
    assert lines[:2] == [f"Night 1 of 1, {DS}: profile", f"Night 1 of 1, {DS}: icg"]
    document = json.loads((loop.folder / "loop.json").read_text())
    assert [row["arm"] for row in document["table"]] == ["original", "best drawing", "profile", "icg"]
    assert lines[2] == told(document["table"], 1)
    assert "(simulated)" in (loop.folder / "loop.md").read_text()
    assert (loop.folder / "loop.svg").is_file()


TINY = ("-o", "generation.max_units=6", "-o", "generation.candidates=1")


@pytest.mark.soak
def test_two_nights_close_the_loop_and_a_killed_one_goes_on(tmp_path):
    """Killed while the second night is planned; night two has read the day that night one's covers were shown on."""
    words = ("simulate", "--nights", "2", "--methods", "profile", *TINY)
    with subprocess.Popen(command(*words, home=tmp_path), stdout=subprocess.PIPE, text=True) as loop:
        assert loop.stdout
        second = False
        for line in loop.stdout:
            second = second or line.startswith("Night 2 of 2, 2026-03-30")
            if second and line.startswith("plan"):
                loop.send_signal(signal.SIGKILL)
                break
    document = json.loads((tmp_path / "loop" / "loop.json").read_text())
    assert {row["night"] for row in document["table"]} == {1}
    home = tmp_path / "loop" / "profile"
    lake = Context(ds=date(2026, 3, 30), home=home, settings=load_settings(profile="test")).lake
    painted, features = lake.version("generated_covers"), lake.version("user_features")

    said = installed("simulate", "--resume", *TINY, home=tmp_path)
    assert said.count("skipped") >= len(loop_stages()) - 2  # of the first night, and of the second up to its plan
    assert lake.version("user_features") == features
    assert lake.version("generated_covers") == painted + 1
    finished = json.loads((tmp_path / "loop" / "loop.json").read_text())
    assert finished["table"][:3] == document["table"]
    assert [(row["night"], row["arm"]) for row in finished["table"][3:]] == [
        (2, "original"), (2, "best drawing"), (2, "profile")
    ]  # fmt: skip
    check_point_in_time(lake)
    refused = subprocess.run(
        command("simulate", *TINY, home=tmp_path), capture_output=True, text=True, check=False, timeout=PATIENCE_S
    )
    assert refused.returncode == 2
    assert "--resume goes on with it" in refused.stderr
    LoopWorld(load_settings(profile="test", overrides=["world.play_share=1"])).check(
        Context(ds=date(2026, 3, 29), home=home, settings=load_settings(profile="test"))
    )


def check_point_in_time(lake):
    """Each night counts the impressions of 28 days up to its own day, and none of the day after it."""
    log = lake.read("impressions", columns=["ds"]).to_pandas()["ds"]
    assert log.max() == "2026-03-31"
    for ds, first in (("2026-03-29", "2026-03-02"), ("2026-03-30", "2026-03-03")):
        counted = sum(lake.read("user_features", ds=ds, columns=["impressions_28d"])["impressions_28d"].to_pylist())
        assert counted == log.between(first, ds).sum()
    policies = lake.read("impressions", ds=["2026-03-30", "2026-03-31"], columns=["policy"])["policy"].to_pylist()
    assert set(policies) <= {"published", "published-explore-rank"}
