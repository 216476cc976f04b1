"""What guidance and the least expected gain do on validation items, by a second classifier and the world."""

import re
from pathlib import Path

import pytest

import recsys_eval
from tests.support.models.adapters import untrained_adapter
from tests.support.runs.small_night import coverlift

JUDGE = Path(recsys_eval.__file__).parent / "judge" / "weights"
"""Any classifier of drawings will do here."""


def test_real_drawings_every_guidance_the_best_of_them_and_the_feed(night, tmp_path):
    adapter = untrained_adapter(tmp_path / "adapter")
    words = ["--judge", str(JUDGE), "--items", "4", "--guidance", "0", "--guidance", "1", "--method", "icg"]
    told = coverlift("study", "validation-sweep", *words, "--adapter", str(adapter), home=night)
    real, unseen, plain, personal, _ = re.findall(
        r"true clicks ([+-][\d.]+)% .*gap .*style ([\d.]+)  subject ([\d.]+)", told
    )
    assert float(real[2]) == pytest.approx(1.0, abs=0.01)
    assert float(unseen[2]) < float(real[2])
    assert float(plain[2]) > float(personal[2]) > 0.5  # without a preference more of the subject is kept
    feed = re.search(r"feed, min. gain .*true clicks [+-][\d.]+% .*gap .*painted (\d+)%", told)
    assert feed
    assert 0 <= int(feed[1]) <= 100
