"""The alert rules of the docs, against the metrics that a night writes."""

import re
from pathlib import Path

import yaml

from conf.errors import TryAgainError
from jobs.lake.context import StageResult
from jobs.observation.observers import Observers
from jobs.observation.textfile import STAGE_FIGURES, Textfile
from tests.support.worlds import tiny

RULES = Path(__file__).parents[3] / "docs" / "alerts.yml"


def test_every_metric_of_a_rule_is_one_that_a_night_writes(tmp_path):
    observers = Observers([Textfile(tmp_path / "night.prom")])
    everything = StageResult(rows={"covers": 1}, metrics=dict.fromkeys(STAGE_FIGURES, 1.0))
    observers.done(observers.begin(tiny.DS, "generate", {}), everything, {})
    observers.failed(observers.begin(tiny.DS, "publish", {}), TryAgainError("not now"))
    written = set(re.findall(r"^(coverlift_\w+)", (tmp_path / "night.prom").read_text(), re.MULTILINE))
    rules = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]
    assert len(rules) >= 5
    for rule in rules:
        asked = set(re.findall(r"coverlift_\w+", rule["expr"]))
        assert asked, rule["alert"]
        assert asked <= written, rule["alert"]
