"""Figures of the reviewers' desk: ``python -m benchmarks.review COMMAND``; each prints JSON and ends with 1 on a fault.

Needs PostgreSQL's programs for ``--database postgresql``; the server is private and goes away.
"""

import json
import os
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from sqlalchemy import text

from benchmarks import crowd as crowds
from benchmarks import made_up_night
from benchmarks import replay as replays
from benchmarks.desk_server import Client, Server, add_people, serving
from benchmarks.private_postgres import postgres
from conf.settings import Settings
from generation.review.log import queue as queues
from generation.review.log.database import Database, open_database
from generation.review.log.queue import Filter
from generation.review.log.schema import REWARDS, cases
from generation.review.log.sealing import chain

app = typer.Typer(add_completion=False, no_args_is_help=True)
Backend = Annotated[Literal["sqlite", "postgresql"], typer.Option("--database")]
PEOPLE = [f"reviewer{number:02d}" for number in range(20)]
DS = made_up_night.DS


@contextmanager
def desk(backend: str) -> Iterator[tuple[Database, str, Path]]:
    """An empty desk, its URL and its home."""
    with tempfile.TemporaryDirectory(prefix="coverlift-desk-") as folder:
        home = Path(folder)
        if backend == "sqlite":
            url = f"sqlite:///{home / 'desk.sqlite'}"
            yield open_database(url, home), url, home
        else:
            with postgres() as url:
                yield open_database(url, home), url, home


def tell(name: str, faults: list[str], **figures: Any) -> None:
    """Print the figures; end with 1 when there is a fault.

    Raises
    ------
    typer.Exit
        When there is a fault.
    """
    about = {
        "measured": name,
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        **figures,
        "faults": faults,
    }
    typer.echo(json.dumps(about))
    if faults:
        raise typer.Exit(1)


@app.command()
def replay(
    decisions: Annotated[int, typer.Option(min=1)] = 100_000,
    covers: Annotated[int, typer.Option(min=1)] = 5_000,
    flips: Annotated[int, typer.Option(min=0)] = 20,
    database: Backend = "sqlite",
) -> None:
    """Random decisions with undo, replayed from the log; and changed bytes of the log."""
    with desk(database) as (opened, _, _):
        made_up_night.fill(opened, covers, policy=None, double_share=0.2, sample_share=0.2)
        began = time.perf_counter()
        done = replays.act(opened, DS, decisions)
        acted = time.perf_counter() - began
        with opened.engine.connect() as connection:
            began = time.perf_counter()
            faults = chain.faults(connection)
            verified = time.perf_counter() - began
            began = time.perf_counter()
            faults += replays.differences(connection, DS)
            replayed, length = time.perf_counter() - began, chain.head(connection)[0]
            missed = []
            if opened.is_sqlite and flips:
                replays.unguarded(connection)
                chance = random.Random(1)
                for _ in range(flips):
                    seq = chance.randint(1, length)
                    change = chance.choice(list(replays.changed_bytes(connection, seq)))
                    missed += replays.unnoticed(connection, iter([(seq, *change)]))
            connection.rollback()
        tell(
            "replay",
            faults + missed,
            database=database,
            decisions=decisions,
            entries=length,
            kinds=dict(done),
            act_seconds=round(acted, 1),
            verify_seconds=round(verified, 2),
            replay_seconds=round(replayed, 2),
            flips=flips,
        )


@app.command()
def crowd(
    minutes: Annotated[float, typer.Option(min=0.05)] = 1.0,
    rate: Annotated[float, typer.Option(help="Decisions a second of each.")] = 2.0,
    database: Backend = "sqlite",
) -> None:
    """Twenty reviewers at once: nothing lost, nothing twice, how long an answer takes."""
    with desk(database) as (opened, url, home):
        made_up_night.fill(opened, int(minutes * 60 * rate * len(PEOPLE) * 1.2) + 500)
        add_people(opened, Settings(), dict.fromkeys(PEOPLE, "reviewer"))
        with serving(url, home) as server:
            spent = _processor(server)
            outcome = crowds.crowd(server.port, PEOPLE, seconds=minutes * 60, rate=rate)
            spent = _processor(server) - spent
        faults = crowds.faults(opened, outcome) + sorted(set(outcome.refused))[:5]
        tell(
            "crowd",
            faults,
            database=database,
            minutes=minutes,
            reviewers=len(PEOPLE),
            decisions=len(outcome.known),
            per_second=round(len(outcome.known) / minutes / 60, 1),
            median_ms=round(1000 * outcome.quantile(0.5), 1),
            p99_ms=round(1000 * outcome.quantile(0.99), 1),
            slowest_ms=round(1000 * max(outcome.seconds), 1),
            cards_p99_ms=round(1000 * outcome.quantile(0.99, "pages"), 1),
            server_cpu_share=round(spent / minutes / 60, 2),
        )


def _processor(server: Server) -> float:
    """Processor seconds that the server has used."""
    return sum(map(int, Path(f"/proc/{server.process.pid}/stat").read_text().split()[13:15])) / os.sysconf("SC_CLK_TCK")


@app.command()
def kill(times: Annotated[int, typer.Option(min=1)] = 50, database: Backend = "sqlite") -> None:
    """Kill the server at random moments during decisions: nothing that was acknowledged is lost."""
    with desk(database) as (opened, url, home):
        made_up_night.fill(opened, 200 + 100 * times)
        add_people(opened, Settings(), dict.fromkeys(PEOPLE[:6], "reviewer"))
        faults, told, cut = killed(opened, url, home, times=times, seed=5)
        tell("kill", faults, database=database, times=times, acknowledged=told, requests_cut=cut)


def killed(database: Database, url: str, home: Path, *, times: int, seed: int) -> tuple[list[str], int, int]:
    """Faults, acknowledged decisions and requests that got no answer, over several kills of a server."""
    chance, whole, cut = random.Random(seed), crowds.Outcome(), 0
    for _ in range(times):
        with serving(url, home) as server:
            outcome = crowds.Outcome()
            stop = threading.Event()
            killer = threading.Thread(target=_kill_amid, args=(server, outcome, chance.uniform(0, 0.5)))
            people = [
                crowds.Reviewer(Client(server.port, name), outcome, stop, rate=50, seed=place)
                for place, name in enumerate(PEOPLE[:6])
            ]
            for each in people:
                each.start()
            killer.start()
            for each in people:
                each.join()
            killer.join()
        whole.known |= outcome.known
        whole.refused += outcome.refused
        cut += outcome.broken
    whole.broken = cut
    refused = [each for each in whole.refused if "decided this cover" not in each]
    return crowds.faults(database, whole) + refused[:5], len(whole.known), cut


def _kill_amid(server: Server, outcome: crowds.Outcome, after: float) -> None:
    """Kill the server a while after its first acknowledgement."""
    while not outcome.known and not outcome.broken:
        time.sleep(0.005)
    time.sleep(after)
    server.kill()


@app.command()
def queue(
    covers: Annotated[int, typer.Option(min=100)] = 1_000_000,
    database: Backend = "sqlite",
) -> None:
    """A long queue: how long its first page, its filters and the next covers take."""
    with desk(database) as (opened, url, home):
        began = time.perf_counter()
        fill(opened, covers)
        filled = time.perf_counter() - began
        add_people(opened, Settings(), {"ann": "reviewer"})
        with serving(url, home) as server:
            client = Client(server.port, "ann")
            empty = [path for path in PAGES[:3] if client.get(path)[1].count(b"/img/") < 48]
            pages = {path: _timed(lambda path=path: client.get(path)) for path in PAGES}
        asked = {name: _timed(lambda one=one: _look(opened, one)) for name, one in FILTERS.items()}
        limits = {PAGES[0]: 0.2}
        slow = [
            f"{name} took {1000 * median:.0f} ms (least {1000 * least:.0f})"
            for name, (median, least) in {**pages, **asked}.items()
            if median > limits.get(name, 0.5)
        ]
        ms = {name: [round(1000 * each, 1) for each in found] for name, found in {**pages, **asked}.items()}
        slow += [f"{path} shows no covers" for path in empty]
        tell("queue", slow, database=database, covers=covers, fill_seconds=round(filled), median_and_least_ms=ms)


PAGES = (
    "/queue?tab=pending",
    "/queue?tab=all",
    "/queue?tab=pending&segment_id=s3&category=objects&method=icg",
    "/queue?tab=pending&min_relevance=0.9&max_nsfw=0.05",
    "/queue?tab=pending&min_relevance=0.999&max_nsfw=0.001",
    "/queue?tab=auto&title=fox",
    "/queue?tab=pending&title=fox+piz",
    "/queue?tab=pending&title=fox+n77",
    "/queue?tab=pending&reason=rule-ask",
    "/queue?tab=doubtful",
    "/queue?tab=mine",
    "/queue?tab=done&reviewer=ann",
    "/api/count?tab=pending",
    "/api/count?tab=pending&min_relevance=0.999&max_nsfw=0.001",
    "/api/cards?tab=pending&limit=6",
)
FILTERS = {
    "page: pending": Filter(ds=DS),
    "page: rare rewards": Filter(ds=DS, at_least={"relevance": 0.999}, at_most={"nsfw": 0.001}),
    "page: nothing found": Filter(ds=DS, segment_id="nowhere"),
}


def _look(database: Database, asked: Filter) -> object:
    with database.reading() as connection:
        return queues.page(connection, asked, me="ann")


def _timed(call: Callable[[], object], times: int = 7) -> tuple[float, float]:
    """Median and least seconds of a call, after one that does not count; the least is what a busy machine hides."""
    call()
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - began)
    return sorted(seconds)[times // 2], min(seconds)


def fill(database: Database, covers: int, base: int = 2000) -> None:
    """A long night with one candidate a unit: a short one, multiplied by the database itself."""
    made_up_night.fill(database, base, candidates=1, policy=None, sample_share=0.05)
    steps, number, chance = (
        ("WITH RECURSIVE k(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM k WHERE n < :copies)", "printf('%064x', {})",
         "(abs(random() % 1000000) / 1000000.0)")
        if database.is_sqlite
        else ("WITH k AS (SELECT n FROM generate_series(1, :copies) AS s(n))", "lpad(to_hex({}), 64, '0')", "random()")
    )  # fmt: skip
    own = number.format("c.id * 1000000 + k.n")
    changed = {
        "unit_id": own, "selected_cover_id": own, "cover_id": own, "item_id": "c.item_id || '-' || k.n",
        "title": "c.title || ' ' || k.n", "stake": f"1000.0 / ({chance} + 0.001)",
        **dict.fromkeys(REWARDS, chance),
    }  # fmt: skip
    names = [column.name for column in cases.columns if column.name != "id"]
    values = ", ".join(changed.get(name, f"c.{name}") for name in names)
    suffix = "CAST(k.n AS TEXT)"
    copied = f"SELECT {values} FROM cases AS c CROSS JOIN k"
    words = f"SELECT w.word, w.item_id || '-' || {suffix} FROM title_words AS w CROSS JOIN k"
    items = "(SELECT DISTINCT item_id FROM cases WHERE id <= :base)"
    numbers = f"SELECT 'n' || {suffix}, w.item_id || '-' || {suffix} FROM {items} AS w CROSS JOIN k"
    limits = {"copies": covers // base - 1, "base": base}
    pictures = "SELECT id, 0, selected_cover_id, '0', '{}' FROM cases AS c WHERE id > :base"
    with database.writing(alone=True) as connection:
        if database.is_sqlite:
            connection.execute(text("PRAGMA cache_size = -2000000"))  # six indexes grow at random places
        for into, query in (
            (f"cases ({', '.join(names)})", f"{steps} {copied}"),
            ("title_words (word, item_id)", f"{steps} {words}"),
            ("title_words (word, item_id)", f"{steps} {numbers}"),
            ("candidates (case_id, number, cover_id, seed, rewards)", pictures),
        ):
            given = {name: value for name, value in limits.items() if f":{name}" in query}
            connection.execute(text(f"INSERT INTO {into} {query}"), given)
    with database.writing(alone=True) as connection:
        connection.execute(text("ANALYZE"))


if __name__ == "__main__":
    app()
