import zipfile

import pytest

from conf.errors import UsageError
from tests.support.importers.importing import balanced, imported, reasons, table
from tests.support.importers.public_sets import movielens


def test_ratings_from_four_are_clicks_and_those_below_were_shown(tmp_path):
    root = movielens(tmp_path / "m", tmp_path / "posters")
    outcome = imported("movielens", root, tmp_path / "out", posters=tmp_path / "posters", negatives=3)
    lines = (root / "ratings.csv").read_text().splitlines()[1:]
    liked = sum(float(line.split(",")[2]) >= 4 for line in lines)
    assert balanced(outcome)
    rows = table(tmp_path / "out", "impressions")
    rated = rows.filter(policy="ratings")
    assert (rated.height, rated["clicked"].sum()) == (36 - liked, 0)
    assert rated["position"].is_between(1, 4).all()
    beside = rows.filter(policy="sampled-negatives")
    assert (beside["clicked"].sum(), beside["request_id"].n_unique()) == (liked, liked)
    items = {row["item_id"]: row for row in table(tmp_path / "out", "items").to_dicts()}
    assert (items["1"]["title"], items["1"]["category"], items["1"]["tags"]) == (
        "Film, The (1991)",
        "Comedy",
        ["Comedy", "Drama"],
    )
    assert (items["2"]["category"], items["2"]["tags"]) == ("unknown", [])


@pytest.mark.parametrize(("by", "name"), [("imdb", "tt0000001"), ("imdb", "0000001"), ("tmdb", "10")])
def test_the_set_in_its_zip_and_posters_by_other_ids(tmp_path, by, name):
    root = movielens(tmp_path / "ml-latest-small", tmp_path / "posters")
    (tmp_path / "other").mkdir()
    (tmp_path / "posters" / "1.jpg").rename(tmp_path / "other" / f"{name}.jpg")
    (tmp_path / "zipped").mkdir()
    with zipfile.ZipFile(tmp_path / "zipped" / "ml-latest-small.zip", "w") as archive:
        for table_of in ("ratings", "movies", "links"):
            archive.write(root / f"{table_of}.csv", f"ml-latest-small/{table_of}.csv")
    outcome = imported("movielens", tmp_path / "zipped", tmp_path / "out", posters=tmp_path / "other", posters_by=by)
    assert table(tmp_path / "out", "items")["item_id"].to_list() == ["1"]
    assert (outcome.covers.accepted, outcome.covers.reasons) == (1, {"no_cover": 7})


def test_faults_of_ratings(tmp_path):
    root = movielens(tmp_path / "m", tmp_path / "posters")
    with (root / "ratings.csv").open("a") as stream:
        stream.write("1,1,5.5,1772323200\n1,1,good,1772323200\n1,1,,1772323200\n1,1,4.0,x\n1,1,nan,1772323200\n")
    outcome = imported("movielens", root, tmp_path / "out", posters=tmp_path / "posters")
    assert balanced(outcome)
    assert reasons(tmp_path / "out", "impressions") == sorted(
        ["rating_out_of_range", "bad_type", "missing_key", "bad_type", "bad_type"]
    )


def test_posters_are_asked_for(tmp_path):
    root = movielens(tmp_path / "m", tmp_path / "posters")
    with pytest.raises(UsageError, match="ships no posters: name a folder of them with --posters"):
        imported("movielens", root, tmp_path / "out")
    (root / "movies.csv").unlink()
    with pytest.raises(UsageError, match=r"has no movies.csv"):
        imported("movielens", root, tmp_path / "out", posters=tmp_path / "posters")
