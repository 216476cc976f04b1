"""What a stage depends on follows from its imports."""

import pytest

from jobs.fingerprint import code_hash, code_of
from jobs.reach import imports_of, reached
from jobs.stages import STAGES

FILES = {
    "jobs/__init__.py": "",
    "jobs/a.py": "from jobs import b\nfrom generation.c import (\n    something,\n    other,\n)\n",
    "jobs/b.py": 'def late():\n    import jobs.d\n\nPLACE = "jobs.e:run"\n',
    "jobs/d.py": 'served = "f.py"\n',
    "jobs/e.py": "import os\n",
    "jobs/f.py": "",
    "jobs/unused.py": "import jobs.a\n",
    "jobs/notes.json": "{}",
    "generation/__init__.py": "",
    "generation/c/__init__.py": "something = other = 1\n",
    "generation/c/weights/deep/manifest.json": "{}",
    "generation/web/__init__.py": "",
    "generation/web/page.css": "",
}


@pytest.fixture
def tree(tmp_path):
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_imports_anywhere_and_modules_named_by_strings_are_followed(tree):
    assert set(reached("jobs.a", tree)) == {
        *("jobs/__init__.py", "jobs/a.py", "jobs/b.py", "jobs/d.py", "jobs/e.py", "jobs/f.py", "jobs/notes.json"),
        "generation/c/__init__.py",
    }
    assert imports_of(tree / "jobs" / "e.py", tree) == set()
    with pytest.raises(ValueError, match=r"no module jobs\.none"):
        reached("jobs.none", tree)


def test_every_stage_reaches_its_own_file_and_the_tables():
    for stage in STAGES:
        code = code_of(stage)
        assert stage.function.partition(":")[0].replace(".", "/") + ".py" in code, stage.name
        assert "jobs/lake/schema/tables.py" in code, stage.name


def test_the_look_of_the_desk_repaints_nothing_but_the_painter_does():
    by_name = {stage.name: code_of(stage) for stage in STAGES}
    for name in ("features", "train-reward", "plan", "generate", "publish", "evaluate"):
        assert not [path for path in by_name[name] if path.startswith("generation/review/web")], name
    assert {"generation/diffusion/unet.py", "generation/diffusion/weights/manifest.json"} <= set(by_name["generate"])
    assert "generation/personalization/icg/opening.py" in by_name["generate"]  # named by the registry alone
    assert "generation/serving/painter_model.py" in by_name["generate"]  # handed to Triton as a file
    assert "jobs/stickers/pack/manifest.json" in by_name["world"]
    assert not [path for path in by_name["publish"] if path.startswith(("recsys_eval", "generation/diffusion"))]


def test_a_change_changes_the_hash(tree):
    (tree / "jobs" / "lake").mkdir()
    before = code_hash(reached("jobs.a", tree), tree)
    (tree / "jobs" / "e.py").write_text("import sys\n")
    after = code_hash(reached("jobs.a", tree), tree)
    assert before != after
