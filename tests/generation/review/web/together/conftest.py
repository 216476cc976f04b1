"""A desk for the pages of working together, once a module, on which every second cover is decided by two people."""

import pytest

from benchmarks import made_up_night
from benchmarks.desk_server import Client, add_people, serving
from conf.settings import Settings
from generation.review.log.database import open_database
from jobs.lake.images import ImageStore

PEOPLE = {"lea": "lead", "ann": "reviewer", "bob": "reviewer", "vic": "viewer"}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The desk's database and port."""
    folder = tmp_path_factory.mktemp("together")
    url, settings = f"sqlite:///{folder}/desk.sqlite", Settings()
    database = open_database(url, folder)
    made_up_night.fill(database, 20, images=ImageStore(str(folder / "images")), candidates=2, double_share=0.5)
    add_people(database, settings, PEOPLE)
    with serving(url, folder, settings) as server:
        yield database, server.port
    database.close()


@pytest.fixture(scope="module")
def client(pages):
    """``client("lea")``: signed in, once a name."""
    known = {}

    def signed_in(name):
        if name not in known:
            known[name] = Client(pages[1], name)
        return known[name]

    return signed_in
