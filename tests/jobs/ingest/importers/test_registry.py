from pathlib import Path

import pytest

from conf.errors import UsageError
from jobs.ingest.importers.registry import KINDS, open_data_set


@pytest.mark.parametrize(
    ("name", "given", "words"),
    [
        ("pixelrek", {}, "did you mean 'pixelrec'"),
        ("qilin", {"negatives": 3, "at_most": 2}, "--negatives, --at-most does nothing for qilin"),
        ("tianchi", {"sampling": "uniform"}, "--sampling does nothing for tianchi"),
        ("microlens", {"first_day": "2026-01-01"}, "--first-day does nothing for microlens"),
        ("microlens", {"negatives": -1}, "--negatives -1: expected 0 to 100"),
        ("tianchi", {"at_most": 0}, "--at-most 0: expected 1 to 10,000"),
        ("pixelrec", {"seed": -3}, "--seed -3: expected at least 0"),
        ("pixelrec", {"sampling": "random"}, "--sampling random: expected one of popularity, uniform"),
        ("movielens", {"posters_by": "name"}, "--posters-by name: expected one of movie, imdb, tmdb"),
    ],
)
def test_what_means_nothing_is_refused_before_anything_is_read(name, given, words):
    with pytest.raises(UsageError, match=words):
        open_data_set(name, Path("/nowhere"), given)


@pytest.mark.parametrize("name", KINDS)
def test_a_folder_that_is_not_there_is_wrong_usage(name, tmp_path):
    with pytest.raises(UsageError, match="nowhere"):
        open_data_set(name, tmp_path / "nowhere", {})
