"""OpenLineage events of a night's stages, into a file or to a server (https://openlineage.io/spec, 2-0-2).

A job is a stage, a run an attempt, a dataset a table of the lake. The Delta version of a table is a facet of its
dataset, so that the lineage of a published cover can be followed from events alone.
"""

from pathlib import Path
from typing import Any

from jobs.lake.lake import Lake
from jobs.lake.schema.tables import TABLES
from jobs.observation.attempt import Attempt

PRODUCER = "https://github.com/OpenLineage/OpenLineage/blob/main/spec/OpenLineage.md"
"""Required by the specification: what the event's fields mean."""

PATIENCE_S = 5.0
"""For the server's answer; a night does not wait for its lineage."""


class Lineage:
    """Sends START, then COMPLETE or FAIL.

    Parameters
    ----------
    lake
        Whose URL is the namespace of the datasets.
    namespace
        Of the jobs.
    file
        Events are appended to it, one JSON object a line; empty for none.
    url
        Of a server that takes events at ``/api/v1/lineage``; empty for none.
    """

    def __init__(self, lake: Lake, *, namespace: str, file: str = "", url: str = "") -> None:
        from openlineage.client import OpenLineageClient
        from openlineage.client.transport.file import FileConfig, FileTransport
        from openlineage.client.transport.http import HttpConfig, HttpTransport

        self.lake, self.namespace = lake, namespace
        self.clients: list[Any] = []
        if file:
            Path(file).parent.mkdir(parents=True, exist_ok=True)
            self.clients.append(OpenLineageClient(transport=FileTransport(FileConfig(log_file_path=file, append=True))))
        if url:
            config = HttpConfig.from_dict({"url": url, "timeout": PATIENCE_S, "retry": {"total": 2}})
            self.clients.append(OpenLineageClient(transport=HttpTransport(config)))

    def began(self, attempt: Attempt) -> None:
        """Send START."""
        self._send(attempt, "START", attempt.started_at.isoformat())

    def ended(self, attempt: Attempt) -> None:
        """Send COMPLETE or FAIL."""
        assert attempt.ended_at is not None
        self._send(attempt, "COMPLETE" if attempt.exit_code == 0 else "FAIL", attempt.ended_at.isoformat())

    def _send(self, attempt: Attempt, state: str, at: str) -> None:
        from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
        from openlineage.client.facet_v2 import error_message_run, nominal_time_run

        facets: dict[str, Any] = {"nominalTime": nominal_time_run.NominalTimeRunFacet(f"{attempt.ds}T00:00:00Z")}
        if attempt.error:
            facets["errorMessage"] = error_message_run.ErrorMessageRunFacet(attempt.error, "python")
        event = RunEvent(
            eventType=RunState[state],
            eventTime=at,
            run=Run(runId=attempt.run_id, facets=facets),
            job=Job(namespace=self.namespace, name=attempt.stage),
            producer=PRODUCER,
            inputs=[self._table("InputDataset", name, version) for name, version in attempt.tables_read.items()],
            outputs=[
                self._table("OutputDataset", name, version, attempt.rows.get(name))
                for name, version in attempt.tables_written.items()
            ],
        )
        for client in self.clients:
            client.emit(event)

    def _table(self, kind: str, name: str, version: int, rows: int | None = None) -> Any:
        from openlineage.client import event_v2
        from openlineage.client.facet_v2 import (
            dataset_version_dataset,
            output_statistics_output_dataset,
            schema_dataset,
        )

        fields = [
            schema_dataset.SchemaDatasetFacetFields(name=column.name, type=str(column.type), description=column.about)
            for column in TABLES[name].columns
        ]
        facets: dict[str, Any] = {
            "schema": schema_dataset.SchemaDatasetFacet(fields=fields),
            "version": dataset_version_dataset.DatasetVersionDatasetFacet(datasetVersion=str(version)),
        }
        told: dict[str, Any] = {"namespace": self.lake.url, "name": name, "facets": facets}
        if rows is not None:
            written = output_statistics_output_dataset.OutputStatisticsOutputDatasetFacet(rowCount=rows)
            told["outputFacets"] = {"outputStatistics": written}
        return getattr(event_v2, kind)(**told)
