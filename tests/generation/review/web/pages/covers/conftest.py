"""A desk with a lake behind it: 24 covers of six items, whose pages and clicks are known."""

from datetime import date

import pytest

from benchmarks import made_up_night
from benchmarks.desk_server import Client, add_people
from conf.settings import Settings
from generation.review.log.database import open_database
from jobs.lake.context import Context
from tests.generation.review.conftest import rows_of
from tests.generation.review.web.test_browser import Desk
from tests.support.desk import known_feed

TITLE = "Röd räv, キツネの顔 가을"
"""The title of every cover: one sign run has no font."""


@pytest.fixture(scope="session")
def feed_desk(tmp_path_factory):
    """The desk's database, port and context; every cover of the third item looks like the first cover."""
    folder = tmp_path_factory.mktemp("feed")
    url, settings = f"sqlite:///{folder}/desk.sqlite", Settings()
    ctx = Context(ds=date.fromisoformat(made_up_night.DS), home=folder, settings=settings)
    database = open_database(url, folder)
    made = {"images": ctx.images, "candidates": 2, "titles": [TITLE]}
    made_up_night.fill(database, 24, max_nsfw=0.4, **made)
    known_feed.fill(ctx, list(made_up_night.units(24, **made)))
    rows = rows_of(database)
    alike = {rows[0].item_id, rows[8].item_id}
    known_feed.put_looks(
        ctx,
        {row.cover_id: (0, int(0 < place < 4)) if row.item_id in alike else (1 + place, 2)
         for place, row in enumerate(rows)},
    )  # fmt: skip
    add_people(database, settings, {"lea": "lead", "ann": "reviewer", "vic": "viewer"})
    with Desk(database, folder) as server:  # not in a process of its own: the lake's threads do not outlive a fork
        yield database, server.port, ctx
    database.close()


@pytest.fixture(scope="session")
def covers_client(feed_desk):
    """``covers_client("lea")``: signed in, once a name."""
    known = {}

    def signed_in(name):
        if name not in known:
            known[name] = Client(feed_desk[1], name)
        known[name].connection.close()  # a server's process that was forked since may hold the old one open
        return known[name]

    return signed_in
