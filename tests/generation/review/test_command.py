import io
import sys

import pytest

from conf.errors import Refused, UsageError
from generation.review import command
from generation.review.log.database import open_database
from generation.review.web.accounts import Accounts


@pytest.fixture
def said():
    return []


def add(ctx, monkeypatch, said, role="reviewer", password="correct horse"):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{password}\n"))
    command.add_person(ctx, "ann", role, said.append)


def test_people_are_added_with_a_password_from_a_pipe(make_context, monkeypatch, said, desk_url):
    ctx = make_context(review={"database": desk_url})
    add(ctx, monkeypatch, said)
    add(ctx, monkeypatch, said, role="lead")
    assert said == ["ann may sign in as reviewer.", "ann may sign in as lead."]
    database = open_database(desk_url, ctx.home)
    assert Accounts(database, ctx.settings.review).role_of("ann") == "lead"
    database.close()
    with pytest.raises(Refused, match="at least 10 characters"):
        add(ctx, monkeypatch, said, password="short")


def test_wrong_names_are_said_before_anything_is_read(make_context, tmp_path, said):
    with pytest.raises(UsageError, match="no queue 'nope'; the queues are pending, "):
        command.export_file(make_context(), tmp_path / "x.html", "nope", "ann", said.append)
    with pytest.raises(UsageError, match="mysql: the desk keeps its state in sqlite:/// or postgresql://"):
        open_database("mysql://x/y", tmp_path)
    with pytest.raises(UsageError, match="no database URL"):
        open_database("nonsense", tmp_path)
