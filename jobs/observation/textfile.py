"""A night's state as Prometheus metrics in a file, for the textfile collector of the node exporter.

The file is replaced in one step after each stage. A night that was killed shows ``coverlift_stage_running`` 1 and
a ``coverlift_stage_started_timestamp_seconds`` that grows old: ``docs/alerts.yml`` has the rules.
"""

from datetime import UTC, datetime
from pathlib import Path

from jobs.observation.attempt import Attempt

STAGE_FIGURES = {
    "pictures_painted": "Pictures painted by the last run.",
    "pictures_reused": "Pictures that an earlier run had painted.",
    "pictures_per_second": "Painting speed of the last run.",
    "units_failed": "Units that could not be painted.",
    "drift_warnings": "Figures of the night that lie far from those of the nights before.",
}
"""Metrics of stages that are worth an alert."""


class Textfile:
    """Writes the metrics of the stages that this process ran.

    Parameters
    ----------
    path
        Ends with ``.prom``; the collector reads ``*.prom`` of its folder.
    """

    def __init__(self, path: Path) -> None:
        from prometheus_client import CollectorRegistry, Gauge

        self.path, self.registry = path, CollectorRegistry()

        def gauge(name: str, about: str, *labels: str) -> Gauge:
            return Gauge(f"coverlift_{name}", about, ("stage", *labels), registry=self.registry)

        self.running = gauge("stage_running", "1 while the stage runs.")
        self.started = gauge("stage_started_timestamp_seconds", "When the last run began.")
        self.success = gauge("stage_success_timestamp_seconds", "When the last run came to its end.")
        self.exit_code = gauge("stage_exit_code", "As the command of the stage ends with.")
        self.seconds = gauge("stage_seconds", "Wall time of the last run.")
        self.attempt = gauge("stage_attempt", "How often the stage was begun for this night.")
        self.night = gauge("night_timestamp_seconds", "Midnight of the night's day, UTC.")
        self.rows = gauge("stage_rows", "Rows written.", "table")
        self.figures = {name: gauge(name, about) for name, about in STAGE_FIGURES.items()}

    def began(self, attempt: Attempt) -> None:
        """The stage runs."""
        self.running.labels(attempt.stage).set(1)
        self.started.labels(attempt.stage).set(attempt.started_at.timestamp())
        self.attempt.labels(attempt.stage).set(attempt.attempt)
        self.night.labels(attempt.stage).set(datetime.fromisoformat(attempt.ds).replace(tzinfo=UTC).timestamp())
        self._write()

    def ended(self, attempt: Attempt) -> None:
        """It came to its end, or failed."""
        assert attempt.ended_at is not None
        assert attempt.exit_code is not None
        self.running.labels(attempt.stage).set(0)
        self.exit_code.labels(attempt.stage).set(attempt.exit_code)
        self.seconds.labels(attempt.stage).set(attempt.seconds)
        if attempt.exit_code == 0:
            self.success.labels(attempt.stage).set(attempt.ended_at.timestamp())
        for table, rows in attempt.rows.items():
            self.rows.labels(attempt.stage, table).set(rows)
        for name, gauge in self.figures.items():
            if name in attempt.metrics:
                gauge.labels(attempt.stage).set(attempt.metrics[name])
        self._write()

    def _write(self) -> None:
        from prometheus_client import write_to_textfile

        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_to_textfile(str(self.path), self.registry)
