from datetime import date

import pyarrow as pa
import pytest

from conf.errors import UsageError
from generation.preference_tokens import painter_tokens, read_codes
from jobs.lake.lake import Lake
from jobs.lake.schema.features import PREFERENCE_TOKENS


def row(audience, codes, modality="visual", ds="2026-03-29"):
    return {
        "ds": ds,
        "modality": modality,
        "audience": audience,
        "codes": codes,
        "distance": 0.5,
        "clicks": 3,
        "quantiser": "q",
    }


@pytest.fixture
def lake(tmp_path, spark_settings):
    made = Lake(str(tmp_path), spark_settings)
    rows = [row("s0", [3, 1, 2]), row("user:u1", [4]), row("user:u2", []), row("s0", [7, 7], "words")]
    made.replace(pa.Table.from_pylist(rows, schema=PREFERENCE_TOKENS.schema), "preference_tokens", ds="2026-03-29")
    return made


def test_codes_are_read_by_audience_and_modality(lake):
    assert read_codes(lake, date(2026, 3, 29)) == {"s0": (3, 1, 2), "user:u1": (4,)}
    assert read_codes(lake, date(2026, 3, 29), "words") == {"s0": (7, 7)}


def test_a_day_without_codes_is_refused_with_what_tells_them(lake):
    with pytest.raises(UsageError, match="coverlift preference-tokens"):
        read_codes(lake, date(2026, 3, 30))


def test_six_slots():
    assert painter_tokens((1, 2, 3)).tolist() == [1, 2, 3, -1, -1, -1]
    assert painter_tokens(()) is None
