"""What a night remembers of its stages."""

from dataclasses import replace

from jobs import fingerprint as fingerprints
from jobs.ledger import code_version
from jobs.stages import Stage

FIRST = Stage(name="first", function="night_of_tests:first", about="", sections=("world",), code=("first.py",))


def test_code_version_names_the_sources():
    base = code_version(FIRST)
    assert base.endswith(fingerprints.code_hash(FIRST.code))
    assert code_version(replace(FIRST, code=("jobs/publishing/stage.py",))) != base
