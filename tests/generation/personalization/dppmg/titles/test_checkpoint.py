import json

import numpy as np
import pytest

from conf.errors import UsageError
from generation.personalization.dppmg.titles.checkpoint import SHIPPED, load_writer, ship, writer_fingerprint
from generation.personalization.dppmg.titles.groups import WordsCodes
from generation.personalization.dppmg.titles.writer import Asked


def test_a_shipped_writer_writes_on(writer, content, tmp_path):
    codes = WordsCodes(centres=np.array([[0.25, -0.5]]))
    ship(tmp_path, writer, codes, {"date": "2026-11-29"})
    again, found = load_writer(tmp_path)
    assert found.fingerprint == codes.fingerprint
    largest = max(
        float((one - two).abs().max() / one.abs().max())
        for one, two in zip(writer.model.parameters(), again.model.parameters(), strict=True)
    )
    assert largest < 0.02  # a byte a weight
    asked = [Asked(one, "en", (0, -1)) for one in content.values()]
    assert len(again.write(asked)) == len(asked)
    assert json.loads((tmp_path / "manifest.json").read_text())["date"] == "2026-11-29"
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 3.3e6


def test_a_changed_or_missing_file_is_refused(writer, tmp_path):
    with pytest.raises(UsageError, match=r"no writer.safetensors: train"):
        load_writer(tmp_path)
    ship(tmp_path, writer, WordsCodes(centres=np.zeros((1, 2))), {})
    first = writer_fingerprint(tmp_path)
    (tmp_path / "codes.json").write_text('{"centres": [[1.0, 0.0]]}')
    with pytest.raises(UsageError, match=r"codes.json has SHA-256"):
        load_writer(tmp_path)
    ship(tmp_path, writer, WordsCodes(centres=np.ones((1, 2))), {})
    assert writer_fingerprint(tmp_path) != first


def test_the_shipped_writer_knows_the_worlds_languages():
    writer, codes = load_writer()
    assert set(writer.tokenizer.languages) == {"de", "en", "es", "ja"}
    assert len(codes.centres) >= 2
    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 3.3e6
