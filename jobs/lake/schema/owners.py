"""Which stage fills a table first; imports nothing, because the command line reads it."""

WRITTEN_BY: dict[str, str] = {
    "impressions": "ingest",
    "items": "ingest",
    "covers": "ingest",
    "quarantine": "ingest",
    "cover_features": "encode",
    "title_features": "encode",
    "user_features": "features",
    "user_history": "features",
    "item_features": "features",
    "position_bias": "features",
    "segments": "features",
    "segment_history": "features",
    "user_segments": "features",
    "interaction_edges": "features",
    "preference_tokens": "preference-tokens",
    "generation_plan": "plan",
    "drift": "drift",
    "generated_covers": "generate",
    "word_groups": "titles",
    "user_word_groups": "titles",
    "generated_titles": "titles",
    "cover_decisions": "review-policy",
    "review_heads": "review-sync",
    "published_covers": "publish",
    "cover_crops": "publish",
    "rollbacks": "rollback",
    "published_titles": "publish",
    "ranking_lift": "evaluate",
    "judgements": "play",
    "runs": "nightly",
    "run_attempts": "nightly",
}
"""The command (``coverlift <name>``) that fills a table first."""


def filled_by(command: str) -> tuple[str, ...]:
    """Tables that a command fills first.

    Examples
    --------
    >>> filled_by("encode")
    ('cover_features', 'title_features')
    """
    return tuple(table for table, first in WRITTEN_BY.items() if first == command)


CLICK_MODEL_TABLES = (
    "impressions",
    "items",
    "cover_features",
    "title_features",
    "user_features",
    "user_history",
    "item_features",
)
"""What the click model is trained on."""
