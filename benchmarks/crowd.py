"""Many reviewers at once: each takes covers from the queue and decides at a steady pace, as the page does."""

import math
import random
import re
import secrets
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import func, select

from benchmarks.desk_server import Client
from generation.review.log.database import Database
from generation.review.log.schema import cases, entries
from generation.review.log.sealing import chain

REASONS = ("ugly", "brand", "unclear")
AGAIN = 0.05
"""Share of decisions that are sent twice, as after a broken connection."""


@dataclass
class Outcome:
    """What the reviewers saw."""

    seconds: list[float] = field(default_factory=list)
    """Of each decision, from sending to its acknowledgement."""
    pages: list[float] = field(default_factory=list)
    """Of each fetch of the next covers."""
    known: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Acknowledged decisions: key -> entry and hash."""
    refused: list[str] = field(default_factory=list)
    broken: int = 0
    """Requests that got no answer."""

    def quantile(self, share: float, of: str = "seconds") -> float:
        """Seconds that this share of the requests stayed under."""
        return float(np.quantile(getattr(self, of), share)) if getattr(self, of) else float("nan")


class Reviewer(threading.Thread):
    """One person: fetches six covers at a time and decides ``rate`` a second until told to stop."""

    def __init__(self, client: Client, outcome: Outcome, stop: threading.Event, *, rate: float, seed: int) -> None:
        super().__init__(daemon=True)
        self.client, self.outcome, self.stopping, self.rate = client, outcome, stop, rate
        self.chance = random.Random(seed)
        self.stock: list[tuple[int, int]] = []

    def run(self) -> None:
        """Until the stop is set or the server is gone."""
        due = time.perf_counter() + self.chance.random() / self.rate
        try:
            while not self.stopping.wait(max(0.0, due - time.perf_counter())):
                if len(self.stock) < 3 and not self.fetch() and not self.stock:
                    return
                self.decide()
                due += 1 / self.rate
        except (OSError, ValueError, AttributeError) as error:  # http.client's are among them
            self.outcome.broken += 1
            self.outcome.refused += [] if isinstance(error, OSError) else [repr(error)]
        except Exception as error:
            self.outcome.broken += 1
            if type(error).__module__ != "http.client":
                raise

    def fetch(self) -> bool:
        """The next covers; whether there were any."""
        began = time.perf_counter()
        _, body, _ = self.client.get("/api/cards?tab=pending&limit=6")
        self.outcome.pages.append(time.perf_counter() - began)
        known = {case for case, _ in self.stock}
        found = re.findall(rb'data-case=\\"(\d+)\\" data-seen=\\"(\d+)\\"', body)
        new = [(int(case), int(seen)) for case, seen in found if int(case) not in known]
        self.stock += new
        return bool(new)

    def decide(self) -> None:
        """Approve or reject the first cover in stock; now and then the request is sent twice."""
        case, seen = self.stock.pop(0)
        wish: dict[str, Any] = {"case": case, "seen": seen, "kind": "approve", "key": secrets.token_hex(8)}
        if self.chance.random() < 0.3:
            wish |= {"kind": "reject", "reason": self.chance.choice(REASONS)}
        for _ in range(2 if self.chance.random() < AGAIN else 1):
            began = time.perf_counter()
            status, answer = self.client.post("/api/decide", wish)
            self.outcome.seconds.append(time.perf_counter() - began)
            if status == 200:
                self.outcome.known[wish["key"]] = (answer["entry"], answer["hash"])
            else:
                self.outcome.refused.append(f"{status}: {answer}")


def crowd(port: int, people: Sequence[str], *, seconds: float, rate: float = 2.0, enough: float = math.inf) -> Outcome:
    """Let people decide for a while, or until there are enough decisions."""
    outcome, stop = Outcome(), threading.Event()
    clients = [Client(port, name) for name in people]
    reviewers = [Reviewer(client, outcome, stop, rate=rate, seed=place) for place, client in enumerate(clients)]
    for each in reviewers:
        each.start()
    ends = time.perf_counter() + seconds
    while len(outcome.known) < enough and time.perf_counter() < ends:
        stop.wait(0.05)
    stop.set()
    for each in reviewers:
        each.join(60)
    return outcome


def faults(database: Database, outcome: Outcome) -> list[str]:
    """What is not as the reviewers were told; empty when nothing was lost and nothing done twice."""
    found: list[str] = []
    with database.reading() as connection:
        found += chain.faults(connection)
        rows = connection.execute(select(entries.c.key, entries.c.seq, entries.c.hash, entries.c.unit_id)).all()
        kept = {row.key: (row.seq, row.hash) for row in rows}
        lost = [key for key, told in outcome.known.items() if kept.get(key) != told]
        found += [f"{len(lost)} acknowledged decisions are not in the log"] if lost else []
        units = [row.unit_id for row in rows]
        found += [f"{len(units) - len(set(units))} covers were decided twice"] if len(set(units)) < len(units) else []
        decided = connection.execute(select(func.count()).select_from(cases).where(cases.c.verdict.is_not(None)))
        number = decided.scalar_one()
        found += [f"{len(rows)} decisions, but {number} decided covers"] if number != len(rows) else []
        if not outcome.broken and len(rows) != len(outcome.known):
            found.append(f"{len(rows)} decisions in the log, {len(outcome.known)} acknowledged")
    return found
