"""What several tables share: types, widths of vectors, columns and the values that stand in them.

All timestamps are UTC with microseconds; ``ds`` is an ISO date as text, so that partition folders read the same
everywhere.
"""

import pyarrow as pa

from jobs.lake.schema.spec import Column

EMBED_DIM = 128
"""Dimensions of an aligned picture or text embedding."""
STYLE_DIM = 32
"""Dimensions of a style embedding."""
WINDOWS = (1, 7, 28)
"""Days of the windows that user_features and item_features count over, as in ``clicks_7d``."""

TEXT = pa.string()
TEXTS = pa.list_(pa.string())
COUNT = pa.int64()
NUMBER = pa.float64()
VECTOR = pa.list_(pa.float32())
TIMESTAMP = pa.timestamp("us", tz="UTC")

UNPERSONALISED = "all"
"""Segment of covers painted once for everybody, with a zero preference."""
SHOWN_PURPOSES = ("publish", "unpersonalised")
"""Purposes of units whose covers the feed may show: for a segment, and for whoever has no profile."""
WITHOUT_PROFILE = "new"
"""Segment of users without clicks, and of users never seen: they are shown unpersonalised covers."""

DS = Column(name="ds", type=TEXT, about="day of the night, YYYY-MM-DD")
DS_CHECK = {"ds_is_date": "ds RLIKE '^[0-9]{4}-[0-9]{2}-[0-9]{2}$'"}
USER_ID = Column(name="user_id", type=TEXT, about="user, as the log names them")
ITEM_ID = Column(name="item_id", type=TEXT, about="item, a row of `items`")
COVER_ID = Column(name="cover_id", type=TEXT, about="SHA-256 of the picture file's bytes, lower-case hex")
UNIT_ID = Column(name="unit_id", type=TEXT, about="SHA-256 of all that decides the pixels of a unit")
SEGMENT_ID = Column(
    name="segment_id",
    type=TEXT,
    about=f"segment; `{WITHOUT_PROFILE}`: users without a click; `{UNPERSONALISED}`: painted once for everybody; "
    "`user:` and an id: a single user (`generation.level`)",
)
ENCODER_ID = Column(name="encoder_id", type=TEXT, about="fingerprint of the encoder's weights")
PURPOSE = Column(
    name="purpose",
    type=TEXT,
    about="`publish`, `unpersonalised`: may be shown; `evaluate`: for rankers on the log as it was; "
    "`beside`: another method, for the report",
)
AS_OF = Column(name="as_of", type=TEXT, about="day of the features that the profile comes from, YYYY-MM-DD")
METHOD = Column(name="method", type=TEXT, about="personalisation method, by its name in the registry")
