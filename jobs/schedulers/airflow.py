"""The night as an Airflow DAG (Airflow 3): a task a stage.

Airflow lives in an environment of its own. Install the wheel there with ``--no-deps``; this module needs Airflow and
nothing else of ours, and the stages run by the ``coverlift`` command of their own environment::

    from jobs.schedulers.airflow import dag
    night = dag(coverlift="/opt/coverlift/bin/coverlift", home="/data/coverlift", options=["--profile", "cluster"])

Exit code 75 is retried, later each time; 2, 3 and 4 fail at once; 99 skips the task. The tables a stage writes are its
outlets, so that other DAGs can wait for ``published_covers``.
"""

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from jobs.schedulers.command import Outcome, outcome_of, run_command, stage_command
from jobs.stages import STAGES

logger = logging.getLogger(__name__)


def dag(
    *,
    home: str,
    coverlift: str = "coverlift",
    dag_id: str = "coverlift",
    schedule: str | None = "0 2 * * *",
    start_date: datetime = datetime(2026, 1, 1, tzinfo=UTC),
    source: str = "files",
    options: Sequence[str] = (),
    tables_url: str = "",
    wait_for: str = "",
    retries: int = 6,
    retry_delay: timedelta = timedelta(minutes=5),
    max_retry_delay: timedelta = timedelta(hours=1),
) -> Any:
    """The DAG.

    Parameters
    ----------
    home
        Folder of tables, pictures, models and reports.
    coverlift
        The command, in its own environment.
    dag_id, schedule, start_date
        As Airflow has them; nights are not caught up, ``airflow backfill`` does that.
    source
        ``ingest.source``: ``files`` for logs of your own, ``stickers`` for the built-in world.
    options
        Of every command: profile, settings.
    tables_url
        Where the tables are, for the assets; empty is ``home/lake``.
    wait_for
        A path, templated: the first stage waits until it is there, without a worker. Empty does not wait: ingest
        ends with 75 while the day is missing, and is tried again.
    retries, retry_delay, max_retry_delay
        Of what may succeed later.
    """
    from airflow.providers.standard.operators.python import PythonOperator
    from airflow.providers.standard.sensors.filesystem import FileSensor
    from airflow.sdk import DAG, Asset

    stages = [stage for stage in STAGES if stage.source in (None, source)]
    tables = (tables_url or f"file://{home}/lake").rstrip("/")
    with DAG(
        dag_id=dag_id,
        schedule=schedule,
        start_date=start_date,
        catchup=False,
        max_active_runs=1,  # a home has one writer
        default_args={
            "retries": retries,
            "retry_delay": retry_delay,
            "retry_exponential_backoff": True,
            "max_retry_delay": max_retry_delay,
        },
        doc_md=__doc__,
    ) as night:
        tasks = {
            stage.name: PythonOperator(
                task_id=stage.name,
                python_callable=run_stage,
                op_kwargs={"command": stage_command(coverlift, stage.name, home=home, ds="{{ ds }}", options=options)},
                outlets=[Asset(name=f"{dag_id}.{table}", uri=f"{tables}/{table}") for table in stage.writes],
                trigger_rule="none_failed",  # a stage that had nothing to do stops nobody
                doc=stage.about,
            )
            for stage in stages
        }
        for before, after in pairwise(stages):  # one writer: in the order of the night
            tasks[before.name] >> tasks[after.name]
        if wait_for:
            FileSensor(task_id="input", filepath=wait_for, deferrable=True) >> tasks[stages[0].name]
    return night


def run_stage(command: Sequence[str]) -> None:
    """Run a stage's command as a task.

    Raises
    ------
    AirflowSkipException
        There was nothing to do.
    AirflowFailException
        The same again would fail again.
    AirflowException
        It may succeed later.
    """
    from airflow.sdk.exceptions import AirflowException, AirflowFailException, AirflowSkipException

    code, said = run_command(command, logger.info)
    outcome = outcome_of(code)
    if outcome is Outcome.SKIP:
        raise AirflowSkipException(said)
    if outcome is Outcome.FAIL:
        raise AirflowFailException(f"exit code {code}: {said}")
    if outcome is Outcome.RETRY:
        raise AirflowException(f"exit code {code}, to be tried again: {said}")
