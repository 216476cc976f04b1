"""What ran: the ledger of stages and every attempt at one."""

import pyarrow as pa

from jobs.lake.schema.columns import COUNT, DS, DS_CHECK, NUMBER, TEXT, TIMESTAMP
from jobs.lake.schema.spec import Column, TableSpec

RUNS = TableSpec(
    name="runs",
    grain="a stage of a night",
    about="The ledger: the last run of each stage.",
    columns=(
        DS,
        Column(name="stage", type=TEXT, about="name of the stage, which is its command"),
        Column(name="status", type=TEXT, about="`done` or `failed`"),
        Column(name="fingerprint", type=TEXT, about="code-settings-upstream-input, 12 hex digits each"),
        Column(name="config_hash", type=TEXT, about="SHA-256 of all settings"),
        Column(name="config", type=TEXT, about="the settings it depended on, as JSON"),
        Column(
            name="code_version", type=TEXT, about="git describe, or the package's version, with a hash of its sources"
        ),
        Column(name="tables_read", type=pa.map_(TEXT, COUNT), about="table -> Delta version; -1: missing"),
        Column(name="tables_written", type=pa.map_(TEXT, COUNT), about="table -> Delta version afterwards"),
        Column(name="rows", type=pa.map_(TEXT, COUNT), about="what was counted -> number"),
        Column(name="metrics", type=pa.map_(TEXT, NUMBER), about="what the stage measured, by name"),
        Column(name="seconds", type=NUMBER, about="wall time"),
        Column(name="note", type=TEXT, about="what the stage wants to be read", null="nothing to say"),
    ),
    partition_by=("ds",),
    keys=("ds", "stage"),
    checks={**DS_CHECK, "status_known": "status IN ('done', 'failed')"},
)

RUN_ATTEMPTS = TableSpec(
    name="run_attempts",
    grain="the begin or the end of an attempt at a stage",
    about="Every attempt, appended: one that began and never ended was killed.",
    columns=(
        DS,
        Column(name="stage", type=TEXT, about="name of the stage"),
        Column(name="attempt", type=COUNT, about="how often the stage was begun for this night, from 1"),
        Column(name="run_id", type=TEXT, about="UUID of the attempt, the run of its lineage events"),
        Column(name="night_id", type=TEXT, about="UUID of the command that ran it"),
        Column(name="status", type=TEXT, about="`running` when it begins; `done` or `failed` when it ends"),
        Column(name="at", type=TIMESTAMP, about="when that was, by the clock of the machine"),
        Column(name="exit_code", type=COUNT, about="as the command ends with", null="it begins"),
        Column(name="error", type=TEXT, about="the error's first line", null="no error"),
    ),
    partition_by=("ds",),
    checks={**DS_CHECK, "status_known": "status IN ('running', 'done', 'failed')"},
)
