"""What whoever takes the project over finds: checks before a commit, a card beside every shipped weight."""

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]


def weight_folders():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.safetensors"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    above = (folder for name in listed.stdout.split() for folder in (ROOT / name).parents)
    return sorted({folder for folder in above if folder.name == "weights"})


def test_commits_are_checked_as_make_lint_checks():
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8").split("\nlint:")[1].split("\n\n")[0]
    linted = re.findall(r"\$\(BIN\)/(.+)", recipe)
    (local,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))["repos"]
    assert local["repo"] == "local", "hooks of others would be downloaded"
    assert [hook["entry"].removeprefix(".venv/bin/") for hook in local["hooks"]] == linted
    assert len(linted) == 4


def test_there_are_weights():
    assert len(weight_folders()) >= 5


@pytest.mark.parametrize("folder", weight_folders(), ids=lambda folder: folder.parent.name)
def test_every_weight_folder_has_a_card_that_agrees_with_its_manifest(folder):
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: apache-2.0\n---\n"), "what model hubs read"
    assert f"`{manifest.get('command') or manifest['trained_by']}`" in card
    for fact in ("date", "hardware"):
        assert f"| {fact} | {manifest.get(fact, '')}" in card
    for row in ("data", "licence"):
        assert re.search(rf"^\| {row} \| .{{20,}} \|$", card, re.MULTILINE)
    for part in ("**For**: ", "**Not for**: "):
        assert part in card
