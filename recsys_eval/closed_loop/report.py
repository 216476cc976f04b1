"""The closed loop's table as ``loop.json``, ``loop.md`` and ``loop.svg``; all of it is simulated, and says so."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from recsys_eval.arm_names import BEST, ORIGINAL, twin
from recsys_eval.texts import write_json, write_text

TABLE, PAGE, CHART = "loop.json", "loop.md", "loop.svg"

ABOUT = (
    "Simulated. The users, what they like and what they click are the built-in world's; the pictures, and every stage "
    "of every night, are real. A true click-through rate is the mean of the world's own click probabilities on the "
    "requests of the day after a night: the same users, items, positions and kinds of titles for every line, so that "
    "lines differ by the covers alone. `original` keeps every cover that an item came with; a method's line shows what "
    "it published the night before, and originals elsewhere; `best drawing` shows every user the existing drawing that "
    "they truly like best, which no cover for a whole segment can reach. Intervals are of 95 %, over users."
)

INK = {ORIGINAL: "#555555", BEST: "#000000"}
METHODS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
"""Okabe and Ito's colours, which people with any colour vision tell apart; markers differ too."""
MARKERS = ("o", "s", "^", "D")
NAMES = {ORIGINAL: "originals (frozen)", BEST: "best existing drawing of each user"}


def write_report(folder: Path, document: dict[str, Any]) -> None:
    """Write the table, and from the first finished night on the page and the chart; each in one step.

    Parameters
    ----------
    folder
        Of the loop.
    document
        Contents of ``loop.json``: ``table`` has a row per night x arm.
    """
    write_json(folder / TABLE, {"simulated": True, "about": ABOUT, **document})
    if document["table"]:
        write_text(folder / PAGE, page(document))
        write_text(folder / CHART, chart(document["table"]))


def by_arm(table: Sequence[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    """Rows of each arm, nights in order; arms in the order of the table."""
    arms = dict.fromkeys(row["arm"] for row in table)
    return {arm: sorted((row for row in table if row["arm"] == arm), key=lambda row: int(row["night"])) for arm in arms}


# --- the page -------------------------------------------------------------------------------------


def page(document: dict[str, Any]) -> str:
    """``loop.md``: what the figures are, true clicks by night, and what each night did."""
    rows, methods = by_arm(document["table"]), list(document["methods"])
    arms = [*methods, *map(twin, document["frozen"])]
    nights = len(rows[ORIGINAL])
    lines = [
        f"# The closed loop: {nights} of {document['nights']} nights (simulated)",
        "",
        ABOUT,
        "",
        f"![True click-through rate by night, simulated]({CHART})",
        "",
        "## True click-through rate of the day after each night",
        "",
        *markdown(["night", "day", "users", *rows], clicks_rows(rows)),
        "",
        "## Relative lift over the originals, and share of the way to the best drawings",
        "",
        *markdown(["night", *(f"{arm} {what}" for arm in arms for what in ("lift", "gap closed"))], lifts(rows, arms)),
    ]
    if len(methods) > 1:
        heads = [f"{arm} over {methods[0]}" for arm in methods[1:]]
        body = [
            [str(row["night"]), *(_share(rows[arm][place]["over_first"], sign=True) for arm in methods[1:])]
            for place, row in enumerate(rows[methods[0]])
        ]
        lines += ["", f"Relative to `{methods[0]}`, on the same requests:", "", *markdown(["night", *heads], body)]
    if document["frozen"]:
        lines += ["", "## Does the loop learn", "", *learning(document, rows)]
    for arm in arms:
        lines += ["", f"## Nights of `{arm}`", "", *markdown(FACTS, facts(rows[arm]))]
    return "\n".join([*lines, "", READING, ""])


FACTS = (
    "night",
    "covers live",
    "of them new",
    "pictures painted",
    "impressions with one",
    "GAUC",
    "new champion",
    "min",
)
READING = (
    "`covers live`: item x segment pairs that the feed may show. `of them new`: covers that were never live before. "
    "`impressions with one`: share of the day after on which a painted cover is shown. `GAUC`: of the reward model "
    "that the night trained, on the last days of its log (other rows every night); of a frozen twin's nights, of the "
    "first night's. `min`: wall time of the stages; a twin's first night is its method's."
)
LEARNING = (
    "A frozen twin lives the same nights with tastes and click model of the first one: users' and segments' profiles, "
    "who is in which segment, the click model. Items, what is shown and clicked of each, and its covers are known up "
    "to the night, and it plans, paints and publishes every night. A method over its twin, on the same requests, is "
    "what learning from later clicks is worth; the first night is the same for both."
)


def learning(document: dict[str, Any], rows: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Lines of each method over its frozen twin, night by night and the nights after the first together."""
    frozen = document["frozen"]
    body = [
        [str(row["night"]), *(_share(rows[arm][place]["over_frozen"], sign=True) for arm in frozen)]
        for place, row in enumerate(rows[ORIGINAL])
    ]
    together = [
        f"`{row['method']}` over its frozen twin, nights {row['nights'][0]} to {row['nights'][-1]} together: "
        f"{_share(row['over_frozen'], sign=True)}, p = {row['over_frozen']['p']:.3f}, smallest findable lift "
        f"{row['detectable']:.2%}; {row['users']:,} users, {row['impressions']:,} impressions. Gap closed "
        f"{_share(row['gap_closed'])}, of the twin {_share(row['frozen_gap_closed'])}."
        for row in document["learned"]
    ]
    table = markdown(["night", *(f"{arm} over {twin(arm)}" for arm in frozen)], body)
    return [LEARNING, "", *table, *(line for each in together for line in ("", each))]


def markdown(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table.

    Examples
    --------
    >>> markdown(["a", "b"], [["1", "2"]])
    ['| a | b |', '|---|---|', '| 1 | 2 |']
    """
    return [f"| {' | '.join(row)} |" if row else f"|{'---|' * len(heads)}" for row in (heads, (), *rows)]


def clicks_rows(rows: dict[str, list[dict[str, Any]]]) -> list[list[str]]:
    """True click-through rate of every arm, a line a night."""
    return [
        [str(row["night"]), str(row["day"]), f"{row['users']:,}", *(_share(arm[place]["ctr"]) for arm in rows.values())]
        for place, row in enumerate(rows[ORIGINAL])
    ]


def lifts(rows: dict[str, list[dict[str, Any]]], methods: Sequence[str]) -> list[list[str]]:
    """Lift and gap closed of every method, a line a night."""
    return [
        [
            str(row["night"]),
            *(
                _share(rows[arm][place][what], sign=what == "lift", digits=1)
                for arm in methods
                for what in ("lift", "gap_closed")
            ),
        ]
        for place, row in enumerate(rows[ORIGINAL])
    ]


def facts(rows: Sequence[dict[str, Any]]) -> list[list[str]]:
    """What the nights of a method did."""
    return [
        [
            str(row["night"]),
            f"{row['live']:,}",
            f"{row['new']:,}",
            f"{row['painted']:,}",
            f"{row['covered']:.0%}",
            f"{row['gauc']['value']:.3f} [{row['gauc']['low']:.3f}, {row['gauc']['high']:.3f}]",
            "yes" if row["champion_is_new"] else "no",
            f"{row['seconds'] / 60:.1f}",
        ]
        for row in rows
    ]


def _share(found: dict[str, float] | None, *, sign: bool = False, digits: int = 2) -> str:
    if found is None:
        return ""
    form = f"{'+' if sign else ''}.{digits}%"
    return f"{found['value']:{form}} [{found['low']:{form}}, {found['high']:{form}}]"


# --- the chart ------------------------------------------------------------------------------------


def chart(table: Sequence[dict[str, Any]]) -> str:
    """``loop.svg``: true clicks and the share of the gap closed, above what each night published and the GAUC."""
    rows = by_arm(table)
    methods = [arm for arm in rows if arm not in NAMES]
    figure = Figure(figsize=(10, 7.2), layout="constrained")
    (clicks, gap), (covers, gauc) = figure.subplots(2, 2)
    for arm in rows:
        line(clicks, rows[arm], "ctr", arm, methods)
    for method in methods:
        line(gap, rows[method], "gap_closed", method, methods)
        line(gauc, rows[method], "gauc", method, methods)
    live_covers(covers, rows, methods)
    clicks.set(title="True click-through rate", ylabel="of the day after the night")
    gap.set(title="Share of the way to the best drawings", ylabel="gap closed")
    gauc.set(title="Reward model's GAUC", ylabel="last days of each night's log")
    for axes in (clicks, gap):
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=1 if axes is clicks else 0))
    gap.axhline(0, color="#999999", linewidth=0.8)
    for axes in (clicks, gap, covers, gauc):
        axes.set_xlabel("night")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(axis="y", color="#dddddd", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
    figure.legend(*clicks.get_legend_handles_labels(), loc="outside upper center", ncols=len(rows), frameon=False)
    figure.supxlabel(
        "Simulated users of the built-in world; bands: 95 % intervals over users", fontsize=9, color="#555555"
    )
    return as_svg(figure)


def line(axes: Axes, rows: Sequence[dict[str, Any]], figure: str, arm: str, methods: Sequence[str]) -> None:
    """One arm's figure by night, with its interval as a band."""
    nights, found = [row["night"] for row in rows], [row[figure] for row in rows]
    number = methods.index(arm) if arm in methods else 0
    colour = INK.get(arm) or METHODS[number % len(METHODS)]
    style = {ORIGINAL: ":", BEST: "--"}.get(arm, "-")
    marker = "" if arm in INK else MARKERS[number % len(MARKERS)]
    axes.plot(
        nights,
        [each["value"] for each in found],
        style,
        color=colour,
        marker=marker,
        markersize=5,
        label=NAMES.get(arm, arm),
    )
    axes.fill_between(
        nights,
        [each["low"] for each in found],
        [each["high"] for each in found],
        color=colour,
        alpha=0.08 if arm in INK else 0.15,
        linewidth=0,
    )


def live_covers(axes: Axes, rows: dict[str, list[dict[str, Any]]], methods: Sequence[str]) -> None:
    """Bars of live covers, those that are new filled."""
    width = 0.8 / max(len(methods), 1)
    for number, method in enumerate(methods):
        colour = METHODS[number % len(METHODS)]
        places = [row["night"] + (number - (len(methods) - 1) / 2) * width for row in rows[method]]
        axes.bar(
            places, [row["live"] for row in rows[method]], width * 0.9, edgecolor=colour, facecolor="none", linewidth=1
        )
        axes.bar(places, [row["new"] for row in rows[method]], width * 0.9, color=colour, alpha=0.75)
    axes.set(title="Covers live (outline), of them new (filled)", ylabel="covers")


def as_svg(figure: Figure) -> str:
    """The figure as SVG whose words stay text, in hundredths of a point; the same figure gives the same bytes."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "loop", "font.family": "DejaVu Sans, sans-serif"}):
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
    return re.sub(r"\n\s*", "\n", re.sub(r"(\d\.\d\d)\d+", r"\1", out.getvalue()))
