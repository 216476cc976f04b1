"""The stages as data."""

from jobs import fingerprint as fingerprints
from jobs.lake.schema.owners import WRITTEN_BY
from jobs.lake.schema.tables import TABLES
from jobs.stages import STAGES


def test_the_stages_are_a_chain_without_gaps():
    seen = set()
    sections = set(make_sections())
    for stage in STAGES:
        assert set(stage.upstream) <= seen, stage.name
        assert set(stage.reads) | set(stage.writes) <= set(TABLES), stage.name
        assert set(stage.sections) <= sections, stage.name
        assert all((fingerprints.ROOT / place).exists() for place in stage.code), stage.name
        assert callable(stage.load()), stage.name
        seen.add(stage.name)
    writers = {table: stage.name for stage in reversed(STAGES) for table in stage.writes}
    assert writers == {table: stage for table, stage in WRITTEN_BY.items() if stage not in ("nightly", "rollback")}


def make_sections():
    from conf.settings import Settings

    return Settings.model_fields
