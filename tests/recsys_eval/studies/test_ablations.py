"""ICG and what it is without one of its parts, trained on a finished night's tables, painted and compared."""

import json
from types import SimpleNamespace

import pytest

from conf.errors import UsageError
from recsys_eval.studies.ablations import VARIANTS, Ablation, ablation, train_variant
from tests.support.runs.small_night import coverlift


def test_variants_are_trained_compared_and_shown(night, tmp_path):
    words = ["--date", "2026-01-01", "--out", str(tmp_path), "--steps", "1", "--items", "4"]
    told = coverlift("study", "ablation", *words, "--only", "no-user-embedding", "--only", "profile", home=night)
    rows = [line.split(" | ")[0].strip("| ") for line in told.splitlines() if line.startswith("|")]
    assert rows == ["variant", "---", "original", "icg", "no-user-embedding", "profile"]
    figures = {row["name"]: row for row in json.loads((tmp_path / "ablation.json").read_text())["figures"]}
    assert {"truth.over_profile.lift", "truth.new_items.no-user-embedding.lift"} <= set(figures)
    assert figures["diversity.no-user-embedding"]["value"] < 0.001  # one cover for all, but for its noise
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "icg" / "adapter" / "manifest.json").is_file()


def test_a_variant_that_there_is_not_is_refused_before_anything_is_read(make_context):
    with pytest.raises(UsageError, match="no variant no-meta: the variants are icg, frozen-generator"):
        ablation(make_context(), Ablation(date="2026-01-01", only=("no-meta",)))


def test_a_variant_that_is_not_trained_has_no_adapter(make_context, tmp_path):
    nothing = SimpleNamespace()
    assert train_variant(make_context(), VARIANTS["profile"], nothing, nothing, tmp_path, {}) is None
    assert list(tmp_path.iterdir()) == []


def test_an_adapter_that_is_there_is_not_trained_again(make_context, tmp_path):
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "manifest.json").write_text("{}")
    nothing = SimpleNamespace()
    assert train_variant(make_context(), VARIANTS["icg"], nothing, nothing, tmp_path, {}) == tmp_path / "adapter"
