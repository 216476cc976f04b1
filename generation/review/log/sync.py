"""Stage ``review-sync``: what people decided at the desk becomes rows of cover_decisions.

The rows follow from the log alone and their ids from its hashes, so that the job may run any number
of times; and because the lake keeps those ids, a log whose end was cut off is found out.
"""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import select

from conf.errors import ContractError, GateError, TryAgainError
from generation.pictures import to_pixels
from generation.review.log import verify
from generation.review.log.answers.case_state import VOTES, State, Unit, settle
from generation.review.log.database import Database, answering, database_of, in_use
from generation.review.log.decisions import unit_of
from generation.review.log.load import known_rewards
from generation.review.log.schema import cases
from generation.review.log.sealing import chain
from generation.review.log.sealing.chain import Entry
from generation.rewards.safety import Safety, SafetyDown
from jobs.lake.context import Context, StageResult
from jobs.lake.lake import Lake
from jobs.lake.schema.covers import GENERATED_COVERS
from jobs.lake.schema.review import COVER_DECISIONS, OVER_LIMIT, REVIEW_HEADS
from reward_model.encoders.assets import OPEN_NSFW, AssetError, verified_asset

PERSON = "person:"
"""What ``by`` of a person's decision starts with."""


def run(ctx: Context) -> StageResult:
    """Write the decisions of people about this night's covers to the lake.

    Raises
    ------
    TryAgainError
        When the database does not answer, ``review.required`` is set and there is no desk, or the safety of a
        picked cover cannot be measured: nothing is published then.
    GateError
        When the desk's records are not as they were written.
    """
    chosen = ctx.settings.review
    if not in_use(chosen.database, ctx.home):
        if chosen.required:
            raise TryAgainError("review.required is set, but there is no desk: start `coverlift review serve` once.")
        return StageResult(rows={"cover_decisions": 0}, note="no reviewers' desk; the policy decides alone")
    database = database_of(ctx)
    try:
        with answering():
            check_records(database, ctx.lake, ctx.ds)
            rows = decision_rows(database, ctx.ds)
            with database.reading() as connection:
                heads = verify.heads(connection, ctx.ds)
    finally:
        database.close()
    check_anchors(ctx.lake, ctx.ds, rows)
    measured = measure_safety(ctx, rows)
    written = write(ctx.lake, rows)
    if heads:
        ctx.lake.merge(pa.Table.from_pylist(heads, schema=REVIEW_HEADS.schema), verify.HEADS)
    note = f"{written} decisions of people written, {len(rows)} in all; ids {digest_of(rows)[:12]}"
    return StageResult(
        rows={"cover_decisions": written}, metrics={"known": float(len(rows)), "measured": float(measured)}, note=note
    )


def watched(ctx: Context) -> str:
    """Number and hash of the log's end: a new decision makes the stage run again."""
    chosen = ctx.settings.review
    if not in_use(chosen.database, ctx.home):
        return ""
    database = database_of(ctx)
    try:
        with answering(), database.reading() as connection:
            return ":".join(str(part) for part in chain.head(connection)[:2])
    finally:
        database.close()


def check_synced(ctx: Context) -> None:
    """The gate of ``publish``: what people decided is in the lake.

    Raises
    ------
    GateError
        While the desk's log holds decisions about the night that the lake has not.
    TryAgainError
        When the database does not answer.
    """
    chosen = ctx.settings.review
    if not in_use(chosen.database, ctx.home):
        return
    database = database_of(ctx)
    try:
        with answering():
            waiting = unsynced(ctx.lake, ctx.ds, decision_rows(database, ctx.ds))
    finally:
        database.close()
    if waiting:
        raise GateError(
            f"{len(waiting)} decisions of people about {ctx.ds} are not in the lake yet, so covers that they rejected "
            f"would stay and covers that they approved would be missing. `coverlift review-sync --ds {ctx.ds}` brings "
            "them, then publish again; `coverlift nightly` and the desk's Publish do both."
        )


def unsynced(lake: Lake, ds: date, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the rows (:func:`decision_rows`) that cover_decisions does not hold."""
    if not rows or not lake.exists("cover_decisions"):
        return rows
    known = set(lake.read("cover_decisions", ds=ds, columns=["decision_id"])["decision_id"].to_pylist())
    missing = [row for row in rows if row["decision_id"] not in known]
    if missing:  # a takedown may stand under another night
        ids = [row["decision_id"] for row in missing]
        found = lake.read("cover_decisions", columns=["decision_id"], filters=[("decision_id", "in", ids)])
        known = set(found["decision_id"].to_pylist())
    return [row for row in missing if row["decision_id"] not in known]


def decision_rows(database: Database, ds: date) -> list[dict[str, Any]]:
    """Rows of cover_decisions that the log of a night comes to.

    Raises
    ------
    GateError
        When the chain does not hold.
    """
    day = ds.isoformat()
    with database.reading() as connection:
        _refuse(chain.faults(connection))
        names = ("unit_id", "selected_cover_id", "policy_decision", "sampled", "doubled")
        found = connection.execute(select(*(cases.c[name] for name in names)).where(cases.c.ds == day))
        units = {row.unit_id: unit_of(row) for row in found}
        return list(effects(chain.read(connection, ds=day), units))


def check_records(database: Database, lake: Lake, ds: date) -> None:
    """Refuse records that are not as they were written.

    Raises
    ------
    GateError
        Which says what was found.
    """
    _refuse(verify.faults(database, lake, ds))


def _refuse(faults: list[str]) -> None:
    if faults:
        raise GateError(
            f"The desk's records were changed ({'; '.join(faults[:3])}): nothing of them is written to the lake. "
            "`coverlift review verify` shows everything; restore the review database from a backup."
        )


def effects(log: Iterable[Entry], units: dict[str, Unit]) -> Iterable[dict[str, Any]]:
    """What each entry changes for publishing, in order.

    A verdict writes a decision about each cover it speaks of; a cover it no longer speaks of gets a
    ``withdraw``, after which the policy's word counts again. A takedown is written here as well, under the id that
    the takedown's own way to the lake gives it, so that a night publishes no such cover even where that way failed.
    """
    replay = Replay(units)
    for entry in log:
        if entry.kind == "takedown" and entry.unit_id is not None:
            yield _takedown_row(entry, entry.unit_id)
        for unit_id, before, after in replay.step(entry):
            was, now = spoken(before, units[unit_id]), spoken(after, units[unit_id])
            settled = (before.verdict is None) != (after.verdict is None)
            for cover in sorted(was.keys() | now.keys()):
                if settled or was.get(cover) != now.get(cover):
                    yield _row(entry, unit_id, cover, now.get(cover, "withdraw"), after)


def spoken(state: State, unit: Unit) -> dict[str, str]:
    """Decision about each cover that a state speaks of.

    Examples
    --------
    >>> spoken(State(queue="done", verdict="approve", cover_id="b"), Unit(selected="a", policy=None))
    {'b': 'approve', 'a': 'reject'}
    >>> spoken(State(queue="disputed", verdict=None, cover_id="a", held="..."), Unit(selected="a", policy="approve"))
    {'a': 'reject'}
    """
    if state.verdict == "approve":
        others = {unit.selected: "reject"} if state.cover_id != unit.selected else {}
        return {state.cover_id: "approve", **others}
    if state.verdict == "reject":
        return {state.cover_id: "reject"}
    return {unit.selected: "reject"} if state.held else {}


@dataclass
class Replay:
    """The states of units while their log is read from the start."""

    units: dict[str, Unit]
    logs: dict[str, list[Entry]] = field(default_factory=dict)
    undone: set[int] = field(default_factory=set)
    states: dict[str, State] = field(default_factory=dict)
    _unit_of: dict[int, str] = field(default_factory=dict)

    def step(self, entry: Entry) -> list[tuple[str, State, State]]:
        """Read one entry; returns the units it concerns with their states before and after."""
        if entry.kind == "undo":
            self.undone |= set(entry.undoes)
            touched = [self._unit_of[seq] for seq in entry.undoes if seq in self._unit_of]
        elif entry.kind in (*VOTES, "takedown") and entry.unit_id in self.units:
            self.logs.setdefault(entry.unit_id, []).append(entry)
            self._unit_of[entry.seq] = entry.unit_id
            touched = [entry.unit_id]
        else:
            return []
        changes = []
        for unit_id in touched:
            unit = self.units[unit_id]
            before = self.states.get(unit_id) or settle(unit, [])
            after = settle(unit, self.logs[unit_id], self.undone)
            self.states[unit_id] = after
            changes.append((unit_id, before, after))
        return changes


def _row(entry: Entry, unit_id: str, cover: str, decision: str, state: State) -> dict[str, Any]:
    usual = {"approve": "looked at", "withdraw": "taken back"}.get(decision, "not this one")
    # Words of a note never stand where the reason of an approval over the limit would.
    why = state.reason or state.held or (entry.note and f"note: {entry.note}") or usual
    who = entry.by if decision == "withdraw" else state.by or entry.by
    return {
        "ds": entry.ds,
        "decision_id": hashlib.sha256(f"{entry.hash}|{unit_id}|{cover}".encode()).hexdigest(),
        "cover_id": cover,
        "unit_id": unit_id,
        "decision": decision,
        "reason": f"undone: {why}" if entry.kind == "undo" and not why.startswith(OVER_LIMIT) else why,
        "by": PERSON + who,
        "decided_at": datetime.fromisoformat(entry.at),
    }


def _takedown_row(entry: Entry, unit_id: str) -> dict[str, Any]:
    return {
        "ds": entry.ds,
        "decision_id": hashlib.sha256(f"takedown|{entry.cover_id}|{unit_id}".encode()).hexdigest(),
        "cover_id": entry.cover_id,
        "unit_id": unit_id,
        "decision": "takedown",
        "reason": entry.reason,
        "by": PERSON + entry.by,
        "decided_at": datetime.fromisoformat(entry.at),
    }


def digest_of(rows: Iterable[dict[str, Any]]) -> str:
    """SHA-256 of the decision ids."""
    return hashlib.sha256("\n".join(sorted(row["decision_id"] for row in rows)).encode()).hexdigest()


def check_anchors(lake: Lake, ds: date, rows: list[dict[str, Any]]) -> None:
    """Refuse a log that lacks decisions the lake got from it before.

    Raises
    ------
    GateError
        When the log was cut off or exchanged.
    """
    if not lake.exists("cover_decisions"):
        return
    table = lake.read("cover_decisions", ds=ds, columns=["decision_id", "by", "decision"])
    people = pc.starts_with(table["by"], PERSON)
    known = table.filter(pc.and_(people, pc.not_equal(table["decision"], "takedown")))["decision_id"].to_pylist()
    lost = set(known) - {row["decision_id"] for row in rows}
    if lost:
        raise GateError(
            f"The lake has {len(lost)} decisions of people for {ds} that the desk's log does not hold (like "
            f"{min(lost)[:12]}): the log was cut off or exchanged. Restore the review database from a backup."
        )


def write(lake: Lake, rows: list[dict[str, Any]]) -> int:
    """Add the rows that the lake has not; returns how many."""
    if not rows:
        return 0
    return lake.merge(pa.Table.from_pylist(rows, schema=COVER_DECISIONS.schema), "cover_decisions")


def measure_safety(
    ctx: Context, rows: list[dict[str, Any]], scorer: "Callable[[list[bytes]], list[float]] | None" = None
) -> int:
    """Score the safety of approved candidates that the night did not score, and keep it in generated_covers.

    The night scores the chosen candidates only, and publishing refuses a cover of unknown safety, so
    a candidate that a person picked is scored here.

    Returns
    -------
    int
        Candidates that were scored.

    Raises
    ------
    TryAgainError
        When the scorer or a picture is not to be had.
    """
    wanted = {(row["unit_id"], row["cover_id"]) for row in rows if row["decision"] == "approve"}
    if not wanted:
        return 0
    units = sorted({unit for unit, _ in wanted})
    table = ctx.lake.read("generated_covers", ds=ctx.ds, filters=[("unit_id", "in", units)])
    missing = [
        row
        for row in table.to_pylist()
        if (row["unit_id"], row["cover_id"]) in wanted and "nsfw" not in known_rewards(row["rewards"])
    ]
    if not missing:
        return 0
    try:
        found = (scorer or _open_nsfw)([ctx.images.get(row["cover_id"]) for row in missing])
    except (OSError, ValueError, AssetError, SafetyDown, ContractError) as error:
        raise TryAgainError(
            f"The safety of {len(missing)} picked covers cannot be measured ({error}); nothing was written."
        ) from error
    for row, value in zip(missing, found, strict=True):
        row["rewards"] = [*known_rewards(row["rewards"]).items(), ("nsfw", float(value))]
    ctx.lake.merge(pa.Table.from_pylist(missing, schema=GENERATED_COVERS.schema), "generated_covers", update=True)
    return len(missing)


def _open_nsfw(pictures: list[bytes]) -> list[float]:
    safety = Safety(verified_asset(OPEN_NSFW))
    return [float(value) for value in safety.probabilities([to_pixels(each, None) for each in pictures])]
