import re

import pyarrow as pa

from jobs.lake.schema.columns import TEXT, TEXTS
from jobs.lake.schema.spec import Column, TableSpec
from jobs.lake.schema.tables import TABLES
from jobs.maintenance.mentions import Kind, user_columns

NOBODY = {
    "generated_titles.group_id": "a language and a code",
    "published_titles.group_id": "the same",
    "user_word_groups.group_id": "the same",
    "word_groups.group_id": "the same",
    "word_groups.language": "a language",
    "segments.exemplar_covers": "covers",
}
"""Columns that speak of users and hold no id of one, and what they hold."""
SUSPICIOUS = re.compile(r"user|audience|segment|reader|visitor|member")


def holds_text(kind):
    return pa.types.is_string(kind) or (pa.types.is_list(kind) and holds_text(kind.value_type))


def unhandled(specs):
    """Text columns whose name or meaning speaks of users, and that forgetting does not look at."""
    return {
        f"{spec.name}.{column.name}"
        for spec in specs
        for column in spec.columns
        if holds_text(column.type)
        and SUSPICIOUS.search(f"{column.name} {column.about}".lower())
        and column.name not in user_columns(spec)
    }


def test_every_column_that_may_name_a_user_is_looked_at_or_is_known_to_name_nobody():
    assert unhandled(TABLES.values()) == set(NOBODY)
    new = TableSpec(name="new", grain="", columns=(Column(name="seen_by", type=TEXTS, about="users who saw it"),))
    assert unhandled([new]) == {"new.seen_by"}


def test_a_new_table_with_users_is_found_by_its_columns():
    columns = (
        Column(name="user_id", type=TEXT, about=""),
        Column(name="nearest_users", type=TEXTS, about=""),
        Column(name="audience", type=TEXT, about=""),
        Column(name="users", type=pa.int64(), about=""),
    )
    kinds = user_columns(TableSpec(name="new", grain="", columns=columns))
    assert kinds == {"user_id": Kind.USER, "nearest_users": Kind.USERS, "audience": Kind.AUDIENCE}
    assert user_columns(TABLES["quarantine"]) == {"row": Kind.INPUT}
