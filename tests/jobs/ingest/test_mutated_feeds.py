"""The fuzz of the contract: whatever is done to a feed, its rows are accepted or quarantined, or words refuse it.

The short test opens 2,000 feeds as ``ingest`` does before Spark starts. Of those that are not refused, the ones with
the commonest columns are read by Spark, all of a format at once, since a Spark run takes seconds. ``make soak`` runs
2,000 whole stages, a feed each.
"""

from collections import Counter
from datetime import date
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyspark.sql import functions as F

from conf.errors import ContractError, TryAgainError
from conf.settings import Settings
from jobs.ingest import contract, stage
from jobs.ingest.readers import DAY, InputFolder, open_files, read_source
from jobs.lake.context import Context
from tests.support.worlds.mutated_input import FORMS, SOURCES, mutated
from tests.support.worlds.small_input import DS

OPENED = {"csv": 800, "jsonl": 700, "parquet": 500}
SCHEMAS = {"csv": 3, "jsonl": 1, "parquet": 4}
"""Of a source, in one Spark run: each is a branch of its plan, which costs a second."""
WHOLE = 2000
CONTRACTS = {"items": contract.ITEMS, "covers": contract.COVERS, "impressions": contract.IMPRESSIONS}
FUZZ = {"database": None, "deadline": None, "suppress_health_check": list(HealthCheck)}


def places_of(folder):
    days = stage.days_to_load(folder, set(), date.fromisoformat(DS), 28)
    return {"items": ["items"], "covers": ["covers"], "impressions": [f"impressions/ds={day}" for day in days]}


def schemas_of(folder):
    """(source, columns, header) of all files of a feed."""
    return {
        (source, group.columns, group.header)
        for source, places in places_of(folder).items()
        for group in open_files(folder, places)[0]
    }


def opened_feeds(form, folder):
    """Feeds that the readers open, with their schemas; of the others the exit code, and whether words name them."""
    numbers, kept, refused = count(), [], []

    @settings(max_examples=OPENED[form], derandomize=True, **FUZZ)
    @given(mutated(form))
    def look(feed):
        root = folder / f"{form}-{next(numbers)}"
        feed.write(root)
        try:
            kept.append((feed, schemas_of(InputFolder(str(root), {}, form))))
        except (ContractError, TryAgainError) as error:
            refused.append((error.exit_code, root.name in str(error)))

    look()
    return kept, refused


def merged(form, kept, root):
    """One feed of all those whose schemas are among the commonest; returns its rows by source."""
    common = Counter(schema for _, schemas in kept for schema in schemas).most_common()
    chosen = {schema for name in SOURCES for schema in [each for each, _ in common if each[0] == name][: SCHEMAS[form]]}
    rows, feeds = Counter(), 0
    for number, (feed, schemas) in enumerate(kept):
        alone = {"file", "link"} & {action for _, action, _ in feed.places}  # lies beside the file, under a fixed name
        damaged = form == "parquet" and feed.bytes_  # a page that cannot be read refuses all feeds of a run
        if alone or damaged or not schemas <= chosen:
            continue
        feed.number, feeds = number, feeds + 1
        for path, lines in feed.write(root, f"part-{number}").items():
            rows[path.partition("/")[0]] += lines
    return rows, feeds


@pytest.mark.parametrize("form", FORMS)
def test_every_feed_is_refused_in_words_or_all_its_rows_are_read(form, tmp_path, spark_lake):
    kept, refused = opened_feeds(form, tmp_path)
    assert len(kept) + len(refused) == OPENED[form]
    assert min(len(kept), len(refused)) > OPENED[form] / 6
    assert set(refused) == {(ContractError.exit_code, True), (TryAgainError.exit_code, True)}
    rows, feeds = merged(form, kept, tmp_path / "all")
    assert feeds > OPENED[form] / 12
    folder = InputFolder(str(tmp_path / "all"), {}, form)
    for name, places in places_of(folder).items():
        raw = read_source(spark_lake.spark, folder, CONTRACTS[name], places)
        value = F.xxhash64(*(F.col(field) for field in raw.frame.columns if "map" not in dict(raw.frame.dtypes)[field]))
        found = raw.frame.groupBy(DAY).agg(F.count("*"), F.max(value)).collect()  # every value is computed
        assert sum(row[1] for row in found) == raw.rows == rows[name], name
        assert {row[DAY] for row in found} == ({DS} if name == "impressions" else {""})


@pytest.mark.soak
@pytest.mark.timeout(86_400)
def test_two_thousand_whole_feeds(tmp_path, spark_settings, spark_lake):
    numbers = count()

    @settings(max_examples=WHOLE // len(FORMS), **FUZZ)
    @given(st.tuples(*(mutated(form) for form in FORMS)))
    def ingest(feeds):
        for feed in feeds:
            whole(feed, tmp_path / str(next(numbers)), spark_settings)

    ingest()


def whole(feed, home, spark_settings):
    """Run the stage on one feed: it is refused in words and nothing is loaded, or every row is in a table."""
    counts = feed.write(home / "input")
    sections = {"source": "files", "format": feed.form, "max_quarantine_share": 1.0}
    made = Settings.model_validate({"profile": "test", "spark": spark_settings.model_dump(), "ingest": sections})
    context = Context(ds=date.fromisoformat(DS), home=home, settings=made)
    words = ""
    try:
        stage.run(context)
    except (ContractError, TryAgainError) as error:
        words = str(error)
    if words:
        assert str(home) in words  # names what is refused
        assert not any(context.lake.exists(name) for name in SOURCES)
        return
    refused = context.lake.read("quarantine")["source"].to_pylist() if context.lake.exists("quarantine") else []
    for name in SOURCES:
        accepted = context.lake.dataset(name).count_rows() if context.lake.exists(name) else 0
        assert accepted + refused.count(name) == sum(n for path, n in counts.items() if path.startswith(name)), name
