import json

import pytest

from recsys_eval.texts import write_json, write_text


def test_a_text_replaces_the_one_before_and_leaves_no_draft(tmp_path):
    path = tmp_path / "new" / "page.html"
    write_text(path, "one")
    write_text(path, "zwei: \u00fc")
    assert path.read_text(encoding="utf-8") == "zwei: \u00fc"
    assert [each.name for each in path.parent.iterdir()] == ["page.html"]


def test_json_has_null_for_nan_and_nothing_for_infinity(tmp_path):
    path = tmp_path / "figures.json"
    write_json(path, {"b": [float("nan")], "a": 1})
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": 1, "b": [None]}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(path, {"a": float("inf")})
    assert json.loads(path.read_text(encoding="utf-8"))["a"] == 1
