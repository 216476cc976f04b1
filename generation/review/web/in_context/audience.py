"""Whose impressions count for a cover: the people of its segment, as the night knew them."""

from dataclasses import dataclass

from jobs.lake.audiences import PREFIX
from jobs.lake.lake import Lake
from jobs.lake.schema.columns import UNPERSONALISED, WITHOUT_PROFILE


@dataclass(frozen=True, kw_only=True)
class Audience:
    """People whose impressions are looked at."""

    words: str
    """Who they are, for the page."""
    users: frozenset[str] | None = None
    """None: everybody."""


def audience_of(lake: Lake, ds: str, segment_id: str) -> Audience:
    """The segment's people on the night; everybody for a cover without a segment of several people.

    A single person's pages and clicks are shown to nobody, and who has no profile yet is in no segment.
    """
    if segment_id.startswith(PREFIX):
        return Audience(words="everybody (the cover is for one person, whose own pages and clicks are shown to nobody)")
    if segment_id in (UNPERSONALISED, WITHOUT_PROFILE):
        return Audience(words="everybody (the cover is for people without a profile)")
    found = lake.read("user_segments", ds=ds, columns=["user_id"], filters=[("segment_id", "==", segment_id)])
    users = frozenset(found["user_id"].to_pylist())
    return Audience(words=f"the {len(users):,} people who were in segment {segment_id} on {ds}", users=users)
