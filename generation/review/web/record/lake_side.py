"""What the lake knows about a cover: item, plan, generator, runs, publication, propensities and clicks."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from generation.review.web.in_context.audience import audience_of
from generation.review.web.in_context.click_rates import ClickRates, Day, Rate, click_rates
from generation.review.web.record.sections import Facts, Rows, Section, Value
from jobs.lake.lake import Lake

STAGES = ("encode", "features", "train-reward", "plan", "generate", "review-policy", "review-sync", "publish")
"""Stages of a night that had a part in a cover."""


def origin(lake: Lake, row: Row[Any]) -> list[Section]:
    """What the cover is and where it comes from; ``row`` is of ``cases``."""
    return [_item(lake, row), _pictures(lake, row), _lineage(lake, row), _runs(lake, row.ds)]


def life(lake: Lake, row: Row[Any]) -> list[Section]:
    """What the night decided about it, where it went out, and what was clicked; ``row`` is of ``cases``."""
    return [_decisions(lake, row), _published(lake, row), _propensities(lake, row), *_clicks(lake, row)]


def _read(lake: Lake, table: str, filters: Sequence[tuple[str, str, object]], **more: Any) -> list[dict[str, Any]]:
    """Rows of a table; none where it was never written."""
    if not lake.exists(table):
        return []
    rows: list[dict[str, Any]] = lake.read(table, filters=list(filters), **more).to_pylist()
    return rows


def _item(lake: Lake, row: Row[Any]) -> Section:
    found = next(iter(_read(lake, "items", [("item_id", "==", row.item_id)])), {})
    size = next(iter(_read(lake, "segments", [("segment_id", "==", row.segment_id)], ds=row.ds)), {}).get("size")
    return Facts(
        title="Item and segment",
        rows=[
            ("item", row.item_id),
            ("title", found.get("title") or row.title),
            *((f"title ({language})", words) for language, words in sorted(dict(found.get("labels") or ()).items())),
            ("category", row.category),
            ("tags", ", ".join(found.get("tags") or ()) or row.words),
            ("segment", row.segment_id),
            ("people in the segment", size),
        ],
    )


def _pictures(lake: Lake, row: Row[Any]) -> Section:
    names = [row.reference_cover_id, row.cover_id]
    known = {each["cover_id"]: each for each in _read(lake, "covers", [("cover_id", "in", names)])}
    facts: list[tuple[str, Value]] = []
    for words, name in zip(("original", "candidate"), names, strict=True):
        about = known.get(name, {})
        facts.append((f"{words}: SHA-256 of the file", name))
        if about:
            size = f"{about['width']} x {about['height']} pixels, {about['bytes']:,} bytes, {about['mime']}"
            facts.append((f"{words}: file", size))
    return Facts(title="Pictures", rows=facts)


def _lineage(lake: Lake, row: Row[Any]) -> Section:
    unit = [("unit_id", "==", row.unit_id)]
    plan = next(iter(_read(lake, "generation_plan", unit, ds=row.ds)), {})
    painted = [each for each in _read(lake, "generated_covers", unit, ds=row.ds) if each["cover_id"] == row.cover_id]
    cover = painted[0] if painted else {}
    encoders = _read(lake, "cover_features", [("cover_id", "==", row.cover_id)], columns=["encoder_id"])
    return Facts(
        title="Lineage",
        rows=[
            ("unit (SHA-256 of all that decides its pixels)", row.unit_id),
            ("method", row.method),
            ("generator (fingerprint of its weights)", row.generator),
            ("encoders (fingerprints of their weights)", ", ".join(sorted(each["encoder_id"] for each in encoders))),
            ("prompt", row.prompt),
            ("seed of the unit", plan.get("seed")),
            ("seed of this candidate", cover.get("seed")),
            ("candidate", cover.get("candidate")),
            ("purpose", cover.get("purpose")),
            ("features as of", str(cover["as_of"]) if cover else None),
            ("history that it was painted from (SHA-256)", plan.get("history_id")),
            ("codes of the preference", ", ".join(map(str, plan.get("tokens") or ()))),
            ("expected clicks gained a day", plan.get("expected_gain")),
            ("rank in the plan", plan.get("rank")),
        ],
    )


def _runs(lake: Lake, ds: str) -> Section:
    columns = ["stage", "code_version", "config_hash", "fingerprint", "note"]
    known = {each["stage"]: each for each in _read(lake, "runs", [("stage", "in", STAGES)], ds=ds, columns=columns)}
    rows = [[known[stage][name] for name in columns] for stage in STAGES if stage in known]
    return Rows(title="Runs of the night", columns=[name.replace("_", " ") for name in columns], rows=rows)


def _decisions(lake: Lake, row: Row[Any]) -> Section:
    """The policy's decisions; people's are in the desk's log, which holds more about them. Takedowns of any unit."""
    columns = ["decided_at", "by", "decision", "reason", "ds", "unit_id", "decision_id"]
    found = _read(lake, "cover_decisions", [("cover_id", "==", row.cover_id)])
    mine = [
        each
        for each in found
        if each["decision"] == "takedown" or (each["unit_id"] == row.unit_id and each["by"].startswith("policy:"))
    ]
    mine.sort(key=lambda each: (each["decided_at"], each["decision_id"]))
    rows: list[list[Value]] = [[str(each[name]) for name in columns] for each in mine]
    return Rows(
        title="Decisions of the policy, and takedowns, from the lake",
        columns=("when (UTC)", "who", "what", "reason", "night", "unit", "decision"),
        rows=rows,
    )


def _published(lake: Lake, row: Row[Any]) -> Section:
    columns = ["ds", "segment_id", "decision_id"]
    found = _read(lake, "published_covers", [("cover_id", "==", row.cover_id)], columns=columns)
    rows = [[each[name] for name in columns] for each in sorted(found, key=lambda each: tuple(each.values()))]
    return Rows(
        title="Nights that published it",
        columns=("night", "segment", "decision that allows it"),
        rows=rows,
        empty="No night published it.",
    )


def _propensities(lake: Lake, row: Row[Any]) -> Section:
    """How likely the logging policies were to show this cover, over the impressions that did."""
    chosen = [("item_id", "==", row.item_id), ("cover_id", "==", row.cover_id)]
    by_policy: dict[str, list[float | None]] = defaultdict(list)
    for each in _read(lake, "impressions", chosen, columns=["policy", "propensity"]):
        by_policy[each["policy"] or "not logged"].append(each["propensity"])
    rows: list[list[Value]] = []
    for policy, logged in sorted(by_policy.items()):
        known = [value for value in logged if value is not None]
        ends = [min(known), sum(known) / len(known), max(known)] if known else [None, None, None]
        rows.append([policy, len(logged), len(known), *ends])
    return Rows(
        title="Propensities (the logging policy's probability of the cover and words shown)",
        columns=("policy", "impressions", "with propensity", "least", "mean", "greatest"),
        rows=rows,
        empty="The log has no impression of this cover.",
    )


def _clicks(lake: Lake, row: Row[Any]) -> list[Section]:
    if not lake.exists("impressions") or not lake.exists("user_segments"):
        return []
    audience = audience_of(lake, row.ds, row.segment_id)
    rates = click_rates(
        lake, item_id=row.item_id, segment_id=row.segment_id, original_id=row.reference_cover_id,
        cover_id=row.cover_id, audience=audience,
    )  # fmt: skip
    return [
        Rows(
            title=f"Clicks among {audience.words}",
            columns=("day", "cover", "impressions", "clicks", "rate", "95 % from", "95 % to"),
            rows=[line for day in _listed(rates) for line in _day(day)],
            empty="None of them was shown the original or this cover.",
        )
    ]


def _listed(rates: ClickRates) -> list[Day]:
    return [rates.before, *([rates.after] if rates.after else []), *rates.days]


def _day(day: Day) -> list[list[Value]]:
    pairs: tuple[tuple[str, Rate], ...] = (("original", day.original), ("this cover", day.cover))
    return [
        [day.name, words, rate.impressions, rate.clicks, rate.share, *(rate.interval or (None, None))]
        for words, rate in pairs
        if rate.impressions
    ]
