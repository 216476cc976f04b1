"""For whom a cover is: the users of a segment, or a single user where a night painted some of their own.

Every table that names a segment names an audience. A single user's is ``user:`` and their id, so that what goes by
segment (plan, decisions, publication, takedown) goes for users as well. What somebody is shown for an item is the cover
of their own, where there is one, else their segment's.
"""

import polars as pl

PREFIX = "user:"


def user_audience(user_id: str) -> str:
    """The audience of a single user.

    Examples
    --------
    >>> user_audience("u7"), audience_user(user_audience("u7")), audience_user("s0")
    ('user:u7', 'u7', None)
    """
    return PREFIX + user_id


def audience_user(segment_id: str) -> str | None:
    """The user that an audience consists of; None of a segment."""
    return segment_id.removeprefix(PREFIX) if segment_id.startswith(PREFIX) else None


def with_own(published: pl.DataFrame, members: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What everybody is shown, a complete set of covers for each audience.

    Parameters
    ----------
    published
        Rows with item_id and segment_id, one per item x audience, and whatever else belongs to the cover.
    members
        user_id and segment_id, one row per user.

    Returns
    -------
    tuple
        ``published`` with, for users who have covers of their own, their segment's for all other items; and ``members``
        with these users in an audience of their own. Both as they were where nobody has any. A user's covers without
        the user among ``members`` are left out: nobody will ask for them.
    """
    single = pl.col("segment_id").str.starts_with(PREFIX)
    own = published.filter(single)
    if own.is_empty():
        return published, members
    apart = members.with_columns(audience=PREFIX + pl.col("user_id"))
    apart = apart.filter(pl.col("audience").is_in(own["segment_id"].unique().implode()))
    own = own.filter(pl.col("segment_id").is_in(apart["audience"].implode()))
    theirs = apart.select("audience", "segment_id").join(published.filter(~single), on="segment_id")
    theirs = theirs.drop("segment_id").rename({"audience": "segment_id"}).select(published.columns)
    theirs = theirs.join(own.select("item_id", "segment_id"), on=["item_id", "segment_id"], how="anti")
    alone = apart.select("user_id", own_id="audience")
    moved = members.join(alone, on="user_id", how="left", maintain_order="left")
    return (
        pl.concat([published.filter(~single), own, theirs]),
        moved.with_columns(segment_id=pl.coalesce("own_id", "segment_id")).select(members.columns),
    )
