"""Desks for the tests of pages: forty covers for all, of which each test decides its own; six covers a module."""

import pytest

from benchmarks import made_up_night
from benchmarks.desk_server import Client, add_people, serving
from conf.settings import Settings
from generation.review.log.database import open_database
from jobs.lake.images import ImageStore
from tests.generation.review.web.test_app import running


@pytest.fixture(scope="session")
def pages(tmp_path_factory):
    """The desk's database and port."""
    folder = tmp_path_factory.mktemp("pages")
    url, settings = f"sqlite:///{folder}/desk.sqlite", Settings()
    database = open_database(url, folder)
    made_up_night.fill(database, 40, images=ImageStore(str(folder / "images")), candidates=2)
    add_people(database, settings, {"lea": "lead", "ann": "reviewer", "vic": "viewer"})
    with serving(url, folder, settings) as server:
        yield database, server.port
    database.close()


@pytest.fixture(scope="session")
def client(pages):
    """``client("lea")``: signed in, once a name."""
    known = {}

    def signed_in(name):
        if name not in known:
            known[name] = Client(pages[1], name)
        return known[name]

    return signed_in


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """Its database and its port."""
    with running(tmp_path_factory.mktemp("desk")) as found:
        yield found
