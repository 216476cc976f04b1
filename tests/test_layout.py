"""Every module of ours has a test file of the same name and place, and no folder holds many of them."""

import subprocess
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("conf", "jobs", "reward_model", "generation", "recsys_eval")
ELSEWHERE = {
    "generation/alignment/base.py": "is a Protocol: tests/generation/alignment/test_draft.py on one of ours",
    "generation/serving/painter_model.py": "runs inside Triton: tests/generation/serving/test_server.py",
    "generation/serving/supervisor.py": "is the server's leash: tests/generation/serving/test_server.py",
    "generation/review/log/migrations/env.py": "Alembic's: tests/generation/review/log/test_database.py",
    "generation/review/log/migrations/versions/v0001_desk.py": "tests/generation/review/log/test_database.py",
    "generation/review/log/migrations/versions/v0002_handover.py": "tests/generation/review/log/test_database.py",
    "generation/review/log/migrations/versions/v0003_seal.py": "tests/generation/review/log/test_database.py",
    "generation/review/log/migrations/versions/v0005_together.py": "tests/generation/review/log/test_database.py",
    "jobs/ingest/importers/data_set.py": "is a Protocol and its words: tests/jobs/ingest/importers/test_registry.py",
    **{
        f"jobs/lake/schema/{name}.py": "is data: tests/jobs/lake/schema/test_tables.py writes and reads every table"
        for name in ("columns", "covers", "evaluation", "features", "feed", "review", "runs", "titles")
    },
}
"""Modules that are tested under another name, and where."""
LEAST = 0.9
"""Share that must have one; raise it when it has grown."""
MOST = 12
"""Modules that a folder may hold: more of them are two concepts."""


def modules():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    paths = [path for path in listed.stdout.split() if (ROOT / path).exists()]
    return [path for path in paths if path.split("/")[0] in PACKAGES and not path.endswith("__init__.py")]


def test_modules_have_a_test_of_the_same_name_and_place():
    mine = [path for path in modules() if path not in ELSEWHERE]
    assert len(mine) > 150
    missing = [path for path in mine if not (ROOT / "tests" / path).with_name(f"test_{Path(path).name}").exists()]
    share = 1 - len(missing) / len(mine)
    print(f"{share:.0%} of {len(mine)} modules have their own test; without one:", *missing, sep="\n  ")
    assert share >= LEAST, missing


def test_no_folder_holds_more_modules_than_one_concept_needs():
    support = [str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "support").rglob("*.py")]
    held = Counter(str(Path(path).parent) for path in [*modules(), *support])
    assert {folder: number for folder, number in held.items() if number > MOST} == {}
