"""Reviewing without a server: one HTML file to look and decide, and the decisions read back, checked.

The file runs nothing but its own script (its Content-Security-Policy names the script's hash and
allows no request at all) and keeps progress in the browser. What it saves carries the export's id
and a hash. The hash finds damage, not forgery: who brings a file vouches for where it came
from, and the audit log says who did.
"""

import base64
import hashlib
import json
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from jinja2 import Environment, StrictUndefined
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from sqlalchemy import Row, insert, select

from conf.errors import Refused, Unknown
from conf.review import ReviewSettings
from generation.review.log import audit
from generation.review.log.database import Database
from generation.review.log.decisions import Decision, chunks, decide, rewards_of
from generation.review.log.load import facts_of
from generation.review.log.queue import Filter, candidates_of, page
from generation.review.log.schema import accounts, entries, exports
from generation.review.log.sealing import chain
from generation.review.log.sealing.chain import stamp
from generation.review.pictures import picture
from jobs.lake.images import ImageStore

FORMAT = "coverlift-offline-1"
HERE = Path(__file__).with_name("assets")
MAX_COVERS = 2000
"""Covers in one file."""
MAX_BYTES = 32 * 2**20
"""Of a file of decisions."""
EXEMPLARS = 6
"""Pictures that say who a segment is."""
Id: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Text: TypeAlias = Annotated[str, StringConstraints(max_length=chain.MAX_TEXT)]


class Record(BaseModel):
    """A part of what a browser saved: nothing but what is declared."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Saved(Record):
    """One decision."""

    unit: Id
    kind: Literal["approve", "reject", "pick"]
    cover: Id
    reason: Text | None = None
    note: Text | None = None
    at: Annotated[str, StringConstraints(max_length=40)]
    """The browser's time, kept as the reviewer's word."""


class Payload(Record):
    """What a reviewer decided."""

    export: Id
    ds: Id
    reviewer: Id
    decisions: Annotated[tuple[Saved, ...], Field(max_length=MAX_COVERS)]


class Envelope(Record):
    """The file: the payload as text, and its hash."""

    format: Literal["coverlift-offline-1"]
    payload: str
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, kw_only=True)
class Report:
    """What reading a file back did."""

    ds: str
    reviewer: str
    taken: int
    known: int
    """Decisions of this file that were taken before."""
    refused: list[str]
    """Cover and why: one that somebody decided since the export keeps that decision."""


def export(
    database: Database,
    images: ImageStore,
    asked: Filter,
    *,
    settings: ReviewSettings,
    by: str,
    now: datetime,
) -> bytes:
    """One self-contained HTML page with the covers of a queue, most traffic at stake first.

    Parameters
    ----------
    database, images, settings
        The desk's.
    asked
        Which covers; their night must be loaded.
    by
        Who exports, for the audit log.
    now
        When.

    Raises
    ------
    Refused
        When the filter finds nothing.
    """
    with database.reading() as connection:
        rows = page(connection, asked, me=by, limit=min(settings.export_limit, MAX_COVERS))
        candidates = candidates_of(connection, [row.id for row in rows])
        facts = facts_of(connection, asked.ds)
    if not rows:
        raise Refused(f"There is nothing to export: no cover of {asked.ds} is in {asked.tab!r} with that filter.")
    name = secrets.token_hex(16)
    shown = {row.unit_id: _chosen_first(row, candidates[row.id]) for row in rows}
    members = {"ds": asked.ds, "covers": [[row.unit_id, row.id, row.last_entry, shown[row.unit_id]] for row in rows]}
    with database.writing() as connection:
        kept = {"id": name, "by": by, "at": stamp(now), "members": json.dumps(members)}
        connection.execute(insert(exports), [kept])
    audit.note(database, who=by, address="", action="offline file made", about=f"{len(rows)} covers as {name}", now=now)
    segments = {row.segment_id for row in rows}
    people = {
        segment: {**about, "exemplar_covers": about["exemplar_covers"][:EXEMPLARS]}
        for segment, about in facts.get("segments", {}).items()
        if segment in segments
    }
    wanted = [cover for covers in shown.values() for cover in covers] + [row.reference_cover_id for row in rows]
    wanted += [cover for about in people.values() for cover in about["exemplar_covers"]]
    data = {
        "export": name,
        "ds": asked.ds,
        "reviewer": by,
        "reasons": list(settings.reasons),
        "covers": [_cover(row, candidates[row.id]) for row in rows],
        "segments": people,
        "images": _data_uris(images, wanted),
    }
    return render(data).encode()


def safe_name(text: str) -> str:
    """A text as part of a file's name.

    Examples
    --------
    >>> safe_name('2026-03-29"; ../x')
    '2026-03-29x'
    """
    return "".join(sign for sign in text if (sign.isascii() and sign.isalnum()) or sign == "-")[:40]


def _chosen_first(row: Row[Any], candidates: Iterable[Row[Any]]) -> list[str]:
    others = dict.fromkeys(each.cover_id for each in candidates if each.cover_id != row.selected_cover_id)
    return [row.selected_cover_id, *others]


def _cover(row: Row[Any], candidates: Iterable[Row[Any]]) -> dict[str, Any]:
    names = ("unit_id", "title", "category", "segment_id", "method", "prompt", "policy_reason", "stake")
    return {
        **{name: getattr(row, name) for name in names},
        "original": row.reference_cover_id,
        "selected": row.selected_cover_id,
        "candidates": [{"cover": each.cover_id, "rewards": rewards_of(each.rewards)} for each in candidates],
    }


def _data_uris(images: ImageStore, names: Iterable[str]) -> dict[str, str]:
    """Pictures by hash; one that is damaged or missing is left out, and the page says so."""
    found = {}
    for name in sorted({name for name in names if name}):
        try:
            data, kind = picture(images, name)
        except Unknown:
            continue
        found[name] = f"data:{kind};base64,{base64.b64encode(data).decode()}"
    return found


def render(data: Mapping[str, Any]) -> str:
    """The page with its data; what the data holds can never be read as markup."""
    script, style = ((HERE / name).read_text(encoding="utf-8") for name in ("offline.js", "offline.css"))
    quiet = json.dumps(data, ensure_ascii=True).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string((HERE / "offline.html.j2").read_text(encoding="utf-8"))
    return template.render(
        data=quiet, ds=data["ds"], script=script, style=style, script_hash=csp_hash(script), style_hash=csp_hash(style)
    )


def csp_hash(text: str) -> str:
    """Source expression that allows exactly this inline script or style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def read_back(
    database: Database,
    content: bytes,
    *,
    settings: ReviewSettings,
    by: str,
    lead: bool,
    now: datetime,
    importer: str | None = None,
) -> Report:
    """Hand the decisions of a saved file to the desk, by the rules that hold online.

    A file that is not whole is refused before anything is decided. The same file twice decides
    nothing twice.

    Parameters
    ----------
    database, settings
        The desk's.
    content
        The file.
    by, lead
        Who brings it; only a lead may bring the file of another reviewer, whose the decisions are. Covers that two
        people decide are then refused: a file can be forged, so each of the two brings theirs in person.
    now
        The time of the decisions in the log; the browser's own time stands beside it.
    importer
        Whom the entries name as having read the file in; None is ``by``, who is signed in.

    Raises
    ------
    Refused
        When the file is damaged, no such export is known, the reviewer may not decide, or a decision is
        not one that the export offered.
    """
    try:
        payload = checked(content)
        wishes = _wishes(database, settings, payload, by, lead, importer or by)
    except Refused as error:
        audit.note(database, who=by, address="", action="offline import", about=error, outcome="refused", now=now)
        raise
    known = _known(database, wishes)
    taken, refused = 0, []
    for wish, saved in zip(wishes, payload.decisions, strict=True):
        try:
            decide(database, wish, settings.reasons, now)
            taken += wish.key not in known
        except Refused as error:
            refused.append(f"{saved.unit}: {error}")
    about = f"{payload.export} by {payload.reviewer}: {taken} taken, {len(known)} known, {len(refused)} refused"
    audit.note(database, who=by, address="", action="offline import", about=about, now=now)
    return Report(ds=payload.ds, reviewer=payload.reviewer, taken=taken, known=len(known), refused=refused)


def checked(content: bytes) -> Payload:
    """The payload of a file whose form and hash are right.

    Raises
    ------
    Refused
        Which says what is wrong.
    """
    if len(content) > MAX_BYTES:
        raise Refused(f"The file has {len(content):,} bytes, more than the {MAX_BYTES:,} that decisions can have.")
    try:
        envelope = TypeAdapter(Envelope).validate_json(content)
        if hashlib.sha256(envelope.payload.encode()).hexdigest() != envelope.sha256:
            raise Refused("The file was changed or damaged after it was saved: its hash is not that of its content.")
        return TypeAdapter(Payload).validate_json(envelope.payload)
    except (ValidationError, UnicodeError) as error:
        faults = error.errors(include_url=False, include_input=False) if isinstance(error, ValidationError) else []
        where = "; ".join(f"{'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in faults[:3])
        raise Refused(f"This is no file that the offline page saved ({where or error}).") from error


def _wishes(
    database: Database, settings: ReviewSettings, payload: Payload, by: str, lead: bool, importer: str
) -> list[Decision]:
    """The decisions as the desk takes them, after everything that can be checked beforehand."""
    offered, role = _offered(database, payload), _role(database, payload.reviewer)
    if role not in ("reviewer", "lead"):
        raise Refused(
            f"{payload.reviewer!r} may not decide here: the name in the page must be a reviewer's account; "
            "`coverlift review users add NAME --role reviewer` adds one."
        )
    if payload.reviewer != by and not lead:
        raise Refused(f"This file is {payload.reviewer}'s; only a lead may bring the file of somebody else.")
    units = [saved.unit for saved in payload.decisions]
    if len(set(units)) < len(units):
        raise Refused("The file decides a cover twice.")
    wishes = []
    for place, saved in enumerate(payload.decisions, start=1):
        case, seen, covers = offered.get(saved.unit, (0, 0, ()))
        if saved.cover not in covers:
            raise Refused(f"Decision {place} is about a cover that the export did not hold.")
        if saved.kind == "reject" and saved.reason not in settings.reasons:
            raise Refused(f"Decision {place} rejects without one of the reasons {', '.join(settings.reasons)}.")
        if saved.kind == "approve" and saved.cover != covers[0]:
            raise Refused(f"Decision {place} approves another candidate than the chosen one, which is a pick.")
        wishes.append(
            Decision(
                case_id=case,
                kind=saved.kind,
                by=payload.reviewer,
                seen=seen,
                cover_id=saved.cover if saved.kind == "pick" else None,
                reason=saved.reason if saved.kind == "reject" else None,
                note=saved.note,
                key=_key(payload, saved),
                lead=role == "lead",
                importer=importer,
                more={"offline": payload.export, "said_at": saved.at},
            )
        )
    return wishes


def _key(payload: Payload, saved: Saved) -> str:
    """The same for the same decision of the same file, which is taken once."""
    said = [payload.export, payload.reviewer, saved.unit, saved.kind, saved.cover, saved.reason]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def _offered(database: Database, payload: Payload) -> dict[str, tuple[int, int, tuple[str, ...]]]:
    """Case, last entry seen and covers (the chosen one first) of each unit in the export."""
    with database.reading() as connection:
        found = connection.execute(select(exports.c.members).where(exports.c.id == payload.export)).scalar()
    if found is None:
        raise Refused(f"This desk made no offline file {payload.export!r}: bring it to the desk that did.")
    members = json.loads(found)
    if members["ds"] != payload.ds:
        raise Refused(f"The file is for {payload.ds}, but that export was for {members['ds']}.")
    return {unit: (case, seen, tuple(covers)) for unit, case, seen, covers in members["covers"]}


def _role(database: Database, name: str) -> str | None:
    with database.reading() as connection:
        query = select(accounts.c.role).where(accounts.c.name == name, accounts.c.disabled == 0)
        return connection.execute(query).scalar()


def _known(database: Database, wishes: Sequence[Decision]) -> set[str]:
    """Keys of the wishes that the log has."""
    known: set[str] = set()
    with database.reading() as connection:
        for part in chunks(wishes):
            keys = [wish.key for wish in part]
            known |= set(connection.execute(select(entries.c.key).where(entries.c.key.in_(keys))).scalars())
    return known
