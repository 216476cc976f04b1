import hashlib

import polars as pl
import pyarrow.parquet as pq
import pytest

from conf.errors import ContractError
from jobs.ingest import stage
from jobs.ingest.contract import COVERS, IMPRESSIONS, ITEMS
from jobs.ingest.importers import output, run
from jobs.ingest.importers.registry import open_data_set
from jobs.ingest.importers.run import survey
from jobs.ingest.parsing import is_exact
from jobs.ingest.readers import InputFolder, open_files
from tests.support.importers import public_sets
from tests.support.importers.importing import balanced, imported, table

NAMES = ("qilin", "tianchi", "microlens", "mmctr", "pixelrec", "movielens")


def made(name, tmp_path):
    """A data set's folder, and the options that it needs."""
    if name == "movielens":
        return public_sets.movielens(tmp_path / name, tmp_path / "posters"), {"posters": tmp_path / "posters"}
    return getattr(public_sets, name)(tmp_path / name), {}


def tree(out):
    """Every file of an output, and the hash of its bytes."""
    files = sorted(path for path in out.rglob("*") if path.is_file())
    return {str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.mark.parametrize("name", NAMES)
def test_an_import_is_of_the_contracts_types_and_a_dry_run_foretells_it(name, tmp_path):
    root, given = made(name, tmp_path)
    told = survey(*open_data_set(name, root, given), lambda line: None)
    assert not (tmp_path / "out").exists()
    outcome = imported(name, root, tmp_path / "out", **given)
    assert balanced(outcome)
    assert (told.items, told.covers, told.log.read, told.log.reasons) == (
        outcome.items,
        outcome.covers,
        outcome.log.read,
        outcome.log.reasons,
    )
    assert told.days == outcome.days
    assert told.rows["impressions"] >= outcome.rows["impressions"] == outcome.log.written
    folder = InputFolder(str(tmp_path / "out"), {}, "parquet")
    assert folder.days() == outcome.days
    for source, places in (
        (IMPRESSIONS, [f"impressions/ds={day}" for day in folder.days()]),
        (ITEMS, ["items"]),
        (COVERS, ["covers"]),
    ):
        (group,), rows = open_files(folder, places)
        assert rows == outcome.rows[source.name]
        fields = {field.name: field for field in source.fields}
        assert [column for column, kind in group.columns if not is_exact(fields[column], kind)] == []
        assert {field.name for field in source.fields if field.required} <= {column for column, _ in group.columns}


def test_the_same_command_gives_the_same_bytes_and_another_seed_does_not(tmp_path):
    root, _ = made("microlens", tmp_path)
    imported("microlens", root, tmp_path / "out")
    first = tree(tmp_path / "out")
    imported("microlens", root, tmp_path / "out")
    assert tree(tmp_path / "out") == first
    imported("microlens", root, tmp_path / "out", seed=12)
    assert tree(tmp_path / "out") != first


@pytest.mark.parametrize("writes", [0, 1, 2, 4, 6, 7])
def test_killed_anywhere_it_goes_on_to_the_same_bytes(tmp_path, monkeypatch, writes):
    """The process dies at a write; what is there is whole, and the next run ends as if nothing had been."""
    root, _ = made("microlens", tmp_path)
    imported("microlens", root, tmp_path / "whole")
    left, write = [writes], pq.write_table

    def dying(table, draft, **options):
        if left[0] == 0:
            draft.write_bytes(b"PAR1 half")
            raise KeyboardInterrupt
        left[0] -= 1
        write(table, draft, **options)

    monkeypatch.setattr(output.pq, "write_table", dying)
    with pytest.raises(KeyboardInterrupt):
        imported("microlens", root, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    for path in (tmp_path / ".out.importing").rglob("*.parquet"):
        if not path.name.startswith("."):
            pq.read_table(path)
    monkeypatch.setattr(output.pq, "write_table", write)
    said = []
    data, options = open_data_set("microlens", root, {})
    run.run_import("microlens", data, options, tmp_path / "out", said.append)
    assert said[0].startswith("going on with the import")
    assert tree(tmp_path / "out") == tree(tmp_path / "whole")


def test_pictures_that_were_missing_are_found_by_the_next_import(tmp_path):
    root, _ = made("microlens", tmp_path)
    (root / "MicroLens-50k_covers").rename(root / "away")
    with pytest.raises(ContractError, match="no_cover 36"):
        imported("microlens", root, tmp_path / "out")
    (root / "away").rename(root / "MicroLens-50k_covers")
    assert imported("microlens", root, tmp_path / "out").covers.accepted == 8


def test_a_large_day_is_cut_without_losing_anything(tmp_path, monkeypatch):
    root, _ = made("microlens", tmp_path)
    imported("microlens", root, tmp_path / "whole", negatives=1)
    monkeypatch.setattr(run, "PART", 10)
    outcome = imported("microlens", root, tmp_path / "cut", negatives=1)
    assert len(list((tmp_path / "cut" / "impressions").rglob("part-*.parquet"))) > 3
    clicked = [
        table(tmp_path / name, "impressions").filter(pl.col("clicked")).drop("position") for name in ("whole", "cut")
    ]
    assert clicked[0].sort("impression_id").equals(clicked[1].sort("impression_id"))
    rows = table(tmp_path / "cut", "impressions")
    assert rows["impression_id"].n_unique() == rows.height == outcome.log.written == 72


def test_items_begin_on_the_first_day_of_the_log_that_shows_them(tmp_path):
    root, _ = made("microlens", tmp_path)
    public_sets.write_csv(
        root / "MicroLens-50k_pairs.csv",
        [(1, 1, public_sets.MARCH * 1000), (1, 2, (public_sets.MARCH + 86_400) * 1000)],
        ("user", "item", "timestamp"),
    )
    imported("microlens", root, tmp_path / "out")
    created = dict(table(tmp_path / "out", "items").select("item_id", pl.col("created_at").dt.day()).iter_rows())
    assert (created["1"], created["2"], created["3"]) == (1, 2, 1)


def test_an_imported_set_is_ingested(tmp_path, make_context, spark_lake):
    """Qilin: the set with pages, dwell times and several days."""
    root, _ = made("qilin", tmp_path)
    outcome = imported("qilin", root, tmp_path / "out")
    context = make_context(ds="2026-03-04", ingest={"source": "files", "input": str(tmp_path / "out")})
    assert stage.run(context).rows == outcome.rows | {"quarantine": 0}
    rows = context.lake.read("impressions")
    assert sorted(rows["ds"].to_pylist()) == sorted(
        str(day) for day in table(tmp_path / "out", "impressions")["ts"].dt.date()
    )
    assert sum(rows["clicked"].to_pylist()) == 13
