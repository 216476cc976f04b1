"""Every reason of the contract is provoked in every format, and every row is accounted for."""

import io
import json
import random
from collections import Counter
from datetime import datetime

import pytest
from PIL import Image

from jobs.ingest import contract, stage
from tests.support.worlds.small_input import DS, as_cell, png, sha

FORMS = ("parquet", "csv", "jsonl")


def truncated() -> bytes:
    """A picture whose header is fine and whose pixels end early."""
    buffer = io.BytesIO()
    Image.effect_noise((40, 40), 50).save(buffer, "PNG")
    return buffer.getvalue()[:600]


def bad_impressions(source):
    """(change of a good row, expected reasons)."""
    return [
        ({"position": "third"}, {"bad_type", "missing_key"}),
        ({"propensity": "half"}, {"bad_type"}),
        ({"clicked": "perhaps"}, {"bad_type", "missing_key"}),
        ({"user_id": None}, {"missing_key"}),
        ({"item_id": "i9"}, {"unknown_item", "unknown_cover"}),
        ({"cover_id": "0" * 64}, {"unknown_cover"}),
        ({"cover_id": source.id_of("blue"), "item_id": "i1"}, {"unknown_cover"}),
        ({"clicked": True, "position": 0}, {"clicked_not_shown", "position_out_of_range"}),
        ({"clicked": True, "position": None}, {"clicked_not_shown", "missing_key"}),
        ({"clicked": False, "position": -2}, {"position_out_of_range"}),
        ({"ts": "2026-03-04T23:59:59.999999Z"}, {"clock_outside_window"}),
        ({"ts": "2026-03-06T00:00:00.000000Z"}, {"clock_outside_window"}),
        ({"propensity": 0.0}, {"propensity_out_of_range"}),
        ({"propensity": 1.5, "dwell_ms": -1}, {"propensity_out_of_range", "negative_dwell"}),
        ({"item_id": "i9", "user_id": "", "propensity": 2.0}, {"unknown_item", "unknown_cover", "missing_key",
                                                               "propensity_out_of_range"}),
    ]  # fmt: skip


def spoil(source):
    """Fill the input so that every reason occurs; return the expected reasons by a name of the row."""
    expected = {}
    source.items += [
        source.items[0] | {"title": "again"},
        {**source.items[0], "item_id": "i4", "created_at": None},
        {**source.items[0], "item_id": "i5"},
        {**source.items[0], "item_id": "i6"},
    ]
    expected["items"] = Counter({("duplicate_item",): 1, ("missing_key",): 1})
    broken, bomb = truncated(), png("black", (101, 100))
    # Of two defaults the one with the smaller id stays.
    later = next(data for data in map(png, (f"#0000{n:02x}" for n in range(99))) if sha(data) > source.id_of("red"))
    source.covers += [
        source.covers[0],
        source.cover("i1", data=later, is_default=True),
        source.cover("i5", data=png("gray"), is_default=False),
        source.cover("i9", data=png("cyan"), is_default=True),
        source.cover("i1", data=broken, is_default=False),
        source.cover("i1", data=bomb, is_default=False),
        source.cover("i1", data=png("teal"), is_default=False, cover_id="1" * 64),
        source.cover("i1", data=b"", is_default=False, path="../../secret.png", cover_id="2" * 64),
        source.cover("i1", data=b"", is_default=False, path="nowhere.png", cover_id="3" * 64),
        source.cover("i2", data=png("lime"), is_default=False) | {"path": None},
        source.cover("i6", data=png("navy"), is_default=True) | {"item_id": None},
    ]
    expected["covers"] = Counter(
        {
            ("duplicate_cover",): 1,
            ("second_default",): 1,
            ("no_default",): 1,
            ("unknown_item",): 1,
            ("unreadable_image",): 2,
            ("image_bomb",): 1,
            ("wrong_hash",): 1,
            ("unsafe_path",): 1,
            ("missing_key",): 2,
        }
    )
    rows = [source.impression(number) for number in range(40)]
    wanted = {}
    for number, (change, reasons) in enumerate(bad_impressions(source), start=100):
        rows.append(source.impression(number, dwell_ms=None, position=1) | change)
        wanted[rows[-1]["impression_id"]] = reasons
    rows += [source.impression(7), source.impression(200, item_id="i9"), source.impression(200)]
    expected["impressions"] = wanted
    return rows, expected


@pytest.mark.parametrize("form", FORMS)
def test_every_reason_in_every_format(form, small_input, make_context, spark_lake):
    source = small_input(form)
    rows, expected = spoil(source)
    malformed = {"csv": ["too,few"], "jsonl": ['{"impression_id": "x", ', "[1, 2]"], "parquet": []}[form]
    source.write_catalogue()
    source.write_day(rows[:20])
    source.write_day([*rows[20:], *malformed], name="part-1")
    context = make_context(
        ds=DS,
        ingest={"source": "files", "format": form, "max_quarantine_share": 1.0, "max_picture_pixels": 10_000},
    )
    result = stage.run(context)

    refused = context.lake.read("quarantine").to_pylist()
    for name in ("items", "covers"):
        found = Counter(tuple(sorted(row["reasons"])) for row in refused if row["source"] == name)
        assert found == expected[name], name
    by_id = {}
    for row in (row for row in refused if row["source"] == "impressions"):
        assert row["ds"] == DS
        by_id.setdefault(json.loads(row["row"]).get("impression_id"), []).append(set(row["reasons"]))
    assert by_id.pop(None, []) == [{"malformed_row"}] * len(malformed)
    assert by_id.pop(f"{DS}-7") == [{"duplicate_impression"}]
    assert by_id.pop(f"{DS}-200") == [{"unknown_item", "unknown_cover", "duplicate_impression"}]
    assert by_id == {key: [reasons] for key, reasons in expected["impressions"].items()}

    kept = context.lake.read("impressions")
    assert kept.num_rows + sum(row["source"] == "impressions" for row in refused) == len(rows) + len(malformed)
    assert result.rows == {"impressions": kept.num_rows, "items": 5, "covers": 4, "quarantine": len(refused)}
    assert set(kept["title"].to_pylist()) == {'He said "hi", then left'}
    row = next(row for row in kept.to_pylist() if row["impression_id"] == f"{DS}-3")
    assert row["ts"] == datetime.fromisoformat(f"{DS}T10:03:00.250000+00:00")
    assert (row["position"], row["clicked"], row["dwell_ms"], row["propensity"]) == (4, True, 900, 0.5)
    item = context.lake.read("items").sort_by("item_id").to_pylist()[0]
    assert item["tags"] == ["round", 'so "called"']
    assert dict(item["labels"]) == {"de": "Ding 1", "en": "item 1"}
    assert dict(item["words"])["en"] == ["round", "red|blue"]
    if form == "parquet":
        assert {reason for row in refused for reason in row["reasons"]} == set(contract.REASONS) - {"malformed_row"}


REQUIRED = ("impression_id", "request_id", "ts", "user_id", "item_id", "cover_id", "position", "clicked")


def typed(row: dict) -> tuple[dict, set[str]]:
    """Values in Python types, None where missing or wrong, and whether one was wrong."""
    kinds = {
        "position": int,
        "dwell_ms": int,
        "propensity": float,
        "clicked": {"true": True, "false": False}.__getitem__,
    }
    values, found = dict(row), set()
    for name, kind in kinds.items():
        try:
            values[name] = kind(row[name]) if row[name] else None
        except (ValueError, KeyError):
            values[name] = None
            found.add("bad_type")
    return values, found


def oracle(row: dict, covers: set[tuple[str, str]], items: set[str]) -> set[str]:
    """The contract once more, for one row in plain Python."""
    values, found = typed(row)
    position, propensity, pair = values["position"], values["propensity"], (row["cover_id"], row["item_id"])
    rules = {
        "missing_key": any(values[name] in (None, "") for name in REQUIRED),
        "clicked_not_shown": values["clicked"] and (position is None or position < 1),
        "position_out_of_range": position is not None and position < 1,
        "propensity_out_of_range": propensity is not None and not 0 < propensity <= 1,
        "negative_dwell": (values["dwell_ms"] or 0) < 0,
        "clock_outside_window": row["ts"] and not row["ts"].startswith(DS),
        "unknown_item": row["item_id"] and row["item_id"] not in items,
        "unknown_cover": all(pair) and pair not in covers,
    }
    return found | {reason for reason, applies in rules.items() if applies}


def test_accounting_against_a_second_implementation(small_input, make_context, spark_lake):
    source = small_input("jsonl")
    source.write_catalogue()
    rng = random.Random(5)
    choices = {
        "ts": [f"{DS}T00:00:00Z", "2026-03-06T00:00:00Z", None],
        "user_id": ["u1", "", None],
        "item_id": ["i1", "i2", "nobody", ""],
        "cover_id": [source.id_of("red"), source.id_of("blue"), sha(b"?"), None],
        "position": ["1", "0", "-3", "x", "", None],
        "clicked": ["true", "false", "maybe", None],
        "dwell_ms": ["12", "-4", "1.5e", None],
        "propensity": ["0.25", "0", "1.01", "none", None],
    }
    rows = []
    for number in range(400):
        row = {key: None if value is None else str(as_cell(value)) for key, value in source.impression(number).items()}
        for name in rng.sample(sorted(choices), rng.randint(0, 4)):
            row[name] = rng.choice(choices[name])
        rows.append(row)
    source.write_day(rows)
    context = make_context(ds=DS, ingest={"source": "files", "format": "jsonl", "max_quarantine_share": 1.0})
    stage.run(context)

    covers = {(cover["cover_id"], cover["item_id"]) for cover in source.covers}
    expected = {row["impression_id"]: oracle(row, covers, {"i1", "i2", "i3"}) for row in rows}
    refused = context.lake.read("quarantine").to_pylist()
    kept = context.lake.read("impressions", columns=["impression_id"])["impression_id"].to_pylist()
    found = {json.loads(row["row"])["impression_id"]: set(row["reasons"]) for row in refused}
    assert len(kept) + len(refused) == len(rows) == 400
    assert found == {key: reasons for key, reasons in expected.items() if reasons}
    assert set(kept) == {key for key, reasons in expected.items() if not reasons}
    assert 50 < len(kept) < 350
