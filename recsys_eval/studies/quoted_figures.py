"""The figures that the README quotes: ``coverlift study figures``.

Read off a finished night, kept in ``docs/figures.json`` with day and machine, and set into the README between two
marks. A test holds the README to the file, so that a figure stands in one place.
"""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from conf.errors import UsageError
from jobs.lake.context import Context
from recsys_eval.stage import report_dir
from reward_model.registry import champion_dir, read_manifest

BEGIN, END = "<!-- figures -->", "<!-- /figures -->"
REWARD_MODEL = "reward_model"
"""Name of the one figure that the night's champion has in its manifest instead of ``metrics.json``."""


@dataclass(frozen=True, kw_only=True)
class Quote:
    """One figure to quote, and the control beside it."""

    name: str
    """In ``metrics.json``."""
    words: str
    """As the README says it."""
    control: str = ""
    """Name of the control's figure in ``metrics.json``."""
    control_words: str = ""


QUOTES = (
    Quote(
        name="truth.all.published.lift",
        words="true click probability of published covers, over the originals (simulated)",
        control="truth.all.shuffled.lift",
        control_words="covers of another segment",
    ),
    Quote(
        name="truth.feed.published.gap_closed",
        words="share of the way to the best real drawing, over the whole feed of new items (simulated)",
        control="truth.new_items.unpersonalised.gap_closed",
        control_words="painted for everybody",
    ),
    Quote(
        name="ab.published_pairs.lift",
        words="A/B on the next day: clicks where a cover was published (simulated)",
    ),
    Quote(
        name="lambdarank-played.generated.wndcg@10.lift",
        words="examination-weighted NDCG@10 of a ranker that knows the covers, over one that does not, on the next day "
        "(simulated)",
        control="lambdarank-played.a/a.wndcg@10.lift",
        control_words="A/A",
    ),
    Quote(name=REWARD_MODEL, words="GAUC of the click model, over LightGBM on the same rows (simulated)"),
)
"""What the README quotes, in order."""


@dataclass(frozen=True, kw_only=True)
class QuotedFigures:
    """Options of :func:`quoted_figures`."""

    date: str = ""
    """Day of the measurement, YYYY-MM-DD; it is told, not read off a clock."""
    machine: str = ""
    """What it ran on; by default the cores and the vector instructions of this machine."""
    out: Path = Path("docs/figures.json")
    """File that keeps them."""
    readme: Path = Path("README.md")
    """Page that quotes them between its two marks."""


def quoted_figures(ctx: Context, options: QuotedFigures) -> None:
    """Keep the figures of a finished night and set them into the README.

    Raises
    ------
    UsageError
        There is no date, or the night is not evaluated.
    """
    if not options.date:
        raise UsageError("Say when it was measured: --date YYYY-MM-DD")
    place = report_dir(ctx) / "metrics.json"
    if not place.is_file():
        raise UsageError(f"{place} is missing: run `coverlift nightly --ds {ctx.ds}` first")
    figures = {each["name"]: each for each in json.loads(place.read_text(encoding="utf-8"))["figures"]}
    figures[REWARD_MODEL] = read_manifest(champion_dir(ctx.home, ctx.ds))["metrics"]["torch - lightgbm"]["gauc"]
    runs = ctx.lake.read("runs", ds=ctx.ds, columns=["stage", "seconds"]).to_pylist()
    document = {
        "date": options.date,
        "machine": options.machine or machine(),
        "command": f"coverlift study figures --date {options.date}",
        "ds": ctx.ds.isoformat(),
        "night_seconds": round(sum(run["seconds"] for run in runs)),
        "figures": [{**asdict(quote), **measured(figures, quote)} for quote in QUOTES],
    }
    options.out.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    page = options.readme.read_text(encoding="utf-8")
    options.readme.write_text(with_table(page, table(document)), encoding="utf-8")
    print(table(document))


def measured(figures: Mapping[str, Mapping[str, Any]], quote: Quote) -> dict[str, Any]:
    """Value and interval of a figure, and of its control where it has one.

    Raises
    ------
    UsageError
        The night did not measure it.
    """

    def interval(name: str) -> dict[str, float]:
        if name not in figures:
            raise UsageError(f"The night has no figure {name!r}: its report says why")
        return {key: figures[name][key] for key in ("value", "low", "high")}

    return {"measured": interval(quote.name), "control_measured": interval(quote.control) if quote.control else None}


def machine() -> str:
    """Cores and vector instructions, as torch uses them.

    Examples
    --------
    >>> machine().split(" cores, ")[0].isdigit()
    True
    """
    return f"{os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}, no GPU"


def shown(found: Mapping[str, float], digits: int, *, percent: bool = True) -> str:
    """A value with its 95 % interval.

    Examples
    --------
    >>> shown({"value": 0.365, "low": 0.308, "high": 0.423}, 1)
    '+36.5 % [+30.8, +42.3]'
    >>> shown({"value": 0.00596, "low": 0.0034, "high": 0.0086}, 4, percent=False)
    '+0.0060 [+0.0034, +0.0086]'
    """
    scale, unit = (100, " %") if percent else (1, "")
    value, low, high = (f"{found[key] * scale:+.{digits}f}" for key in ("value", "low", "high"))
    return f"{value}{unit} [{low}, {high}]"


def table(document: Mapping[str, Any]) -> str:
    """The figures as Markdown, with day and machine."""
    rows: Sequence[Mapping[str, Any]] = document["figures"]
    lines = [
        f"One default night, measured on {document['date']} ({document['machine']}).",
        "Brackets are 95 % intervals over users, for true clicks over users and items.",
        f"All stages took {document['night_seconds'] / 60:.0f} minutes.",
        "",
        "| figure | measured | control |",
        "|---|---|---|",
    ]
    for row in rows:
        ratio = row["name"] != REWARD_MODEL
        control = row["control_measured"]
        beside = f"{row['control_words']}: {shown(control, 1)}" if control else ""
        value = shown(row["measured"], 1 if ratio else 4, percent=ratio)
        lines.append(f"| {row['words']} | **{value}** | {beside} |")
    return "\n".join(lines)


def with_table(page: str, text: str) -> str:
    """A page with the text between its marks.

    Raises
    ------
    UsageError
        The page has not both marks.

    Examples
    --------
    >>> with_table("a <!-- figures -->old<!-- /figures --> b", "new").splitlines()
    ['a <!-- figures -->', 'new', '<!-- /figures --> b']
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise UsageError(f"The page lacks its marks: {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{text}\n{END}{after}"
