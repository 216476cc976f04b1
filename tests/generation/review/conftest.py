"""Desks of made-up nights, on SQLite and on a private PostgreSQL, and a browser to look at them."""

import os
import shutil
from collections import namedtuple
from datetime import UTC, datetime

import pg8000.native
import pytest
from playwright.sync_api import sync_playwright
from sqlalchemy import make_url, select

from benchmarks import made_up_night
from benchmarks.private_postgres import postgres
from generation.review.log.database import open_database
from generation.review.log.schema import cases

NOW = datetime(2026, 3, 30, 8, tzinfo=UTC)
Case = namedtuple("Case", cases.columns.keys())
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
BACKENDS = ("sqlite", "postgresql")


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield found
        found.close()


@pytest.fixture(scope="session")
def postgres_server():
    with postgres(durable=False) as url:
        yield url


@pytest.fixture
def empty_postgres(postgres_server):
    """URL of the private server's database, emptied."""
    server = make_url(postgres_server)
    connection = pg8000.native.Connection(
        server.username, host=server.host, port=server.port, database=server.database, password=server.password
    )
    connection.run("DROP SCHEMA public CASCADE")
    connection.run("CREATE SCHEMA public")
    connection.close()
    return postgres_server


@pytest.fixture(params=BACKENDS)
def desk_url(request, tmp_path):
    """URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/desk.sqlite"
    return request.getfixturevalue("empty_postgres")


@pytest.fixture
def make_desk(desk_url, tmp_path):
    """Opens a desk with a made-up night: ``make_desk(12, candidates=2)``."""
    opened = []

    def make(number=12, **more):
        database = open_database(desk_url, tmp_path)
        opened.append(database)
        if number:
            made_up_night.fill(database, number, **more)
        return database

    yield make
    for database in opened:
        database.close()


def rows_of(database):
    """Cases in order of their id."""
    with database.reading() as connection:
        return [Case(*row) for row in connection.execute(select(cases).order_by(cases.c.id))]
