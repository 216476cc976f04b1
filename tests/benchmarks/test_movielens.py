from datetime import date

import polars as pl
import pytest
from PIL import Image

from benchmarks.movielens import PALETTES, SHAPES, Film, days_of, poster, settings_of, write_set
from conf.load import load_settings
from jobs.ingest.importers.registry import open_data_set
from jobs.ingest.importers.run import run_import

INTER = "user_id:token\titem_id:token\trating:float\ttimestamp:float\n1\t2\t5\t881250949\n2\t1\t3\t881250900\n"
ITEM = (
    "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
    '2\tBe, or not to "Be"\t1995\tAction Comedy\n'
    "1\tNothing\t\t\n"
)


@pytest.fixture
def atomic(tmp_path):
    folder = tmp_path / "ml-100k"
    folder.mkdir()
    (folder / "ml-100k.inter").write_text(INTER)
    (folder / "ml-100k.item").write_text(ITEM)
    return folder


def test_the_written_set_is_imported_with_its_posters(atomic, tmp_path):
    write_set(atomic, tmp_path / "set")
    data, options = open_data_set("movielens", tmp_path / "set", {"posters": tmp_path / "set" / "posters"})
    outcome = run_import("movielens", data, options, tmp_path / "feed", lambda line: None)
    assert (outcome.covers.accepted, outcome.log.accepted, outcome.log.read) == (2, 2, 2)
    items = pl.read_parquet(tmp_path / "feed" / "items").sort("item_id")
    assert items["title"].to_list() == ["Nothing", 'Be, or not to "Be" (1995)']
    assert items["tags"].to_list() == [["unknown"], ["Action", "Comedy"]]


def test_posters_are_the_same_every_time_and_tell_the_genre(atomic, tmp_path):
    for name in ("a", "b"):
        write_set(atomic, tmp_path / name)
    once, again = ((tmp_path / name / "posters" / "2.jpg").read_bytes() for name in ("a", "b"))
    assert once == again
    with Image.open(tmp_path / "a" / "posters" / "2.jpg") as picture:
        assert picture.size == (300, 450)
    film = Film(number=1, title="The Same Title", year="1990", genres=("Western",))
    assert poster(film).getpixel((1, 449)) == PALETTES["Western"][0]
    assert len({tuple(corners) for corners in SHAPES.values()}) == len(PALETTES)


def test_test_days_are_the_fewest_that_hold_their_share():
    """By hand: of ten ratings on days 1 to 9 and 20, a fifth is the last two, from day 9 on, which are 12 days."""
    seconds = [86_400 * day for day in (*range(1, 10), 20)]
    assert days_of(pl.DataFrame({"timestamp": seconds}), 0.2) == (date(1970, 1, 21), 20, 12)


def test_the_settings_are_settings(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(settings_of(tmp_path, 215, 23, 56))
    settings = load_settings(profile=None, config=path, overrides=[])
    assert (settings.ingest.history_days, settings.reward.test_days, settings.evaluate.train_days) == (215, 23, 11)
