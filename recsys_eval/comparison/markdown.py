"""A comparison as a page of Markdown."""

from collections.abc import Iterator, Sequence

from recsys_eval.comparison.document import Document, Figure

FIGURES = {
    "lift": ("true clicks over the original", "share"),
    "gap closed": ("share of the gap to the best drawing closed", "share"),
    "style": ("in the favourite style, as share of real drawings", "share"),
    "subject": ("subject found first among the items (R@1), as share of real drawings", "share"),
    "distance": ("encoder distance to the real drawing", "number"),
}
"""Figure to its words and unit."""
LEVELS = {
    "segment": "Segments: held-out users, each shown their segment's cover",
    "user": "Single users: held-out users, each shown a cover painted from their own events",
}


def cell(found: Figure | None) -> str:
    """A figure with its interval, in the unit of its kind.

    Examples
    --------
    >>> names = {"section": "figures", "level": "user", "method": "m", "users": 2, "items": 1}
    >>> cell(Figure(figure="gap closed", value=0.512, low=0.4, high=0.6, **names))
    '51.2 % [40.0, 60.0]'
    """
    if found is None:
        return ""
    if FIGURES.get(found.figure, ("", "share"))[1] == "number":
        bounds = "" if found.low is None else f" [{found.low:.3f}, {found.high:.3f}]"
        return f"{found.value:.3f}{bounds}"
    bounds = "" if found.low is None or found.high is None else f" [{100 * found.low:.1f}, {100 * found.high:.1f}]"
    return f"{100 * found.value:.1f} %{bounds}"


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [list(heads), ["---"] * len(heads), *(list(row) for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def markdown(document: Document) -> str:
    """The whole page."""
    return "\n".join(_parts(document)) + "\n"


def _parts(document: Document) -> Iterator[str]:
    names = [method.name for method in document.methods]
    yield from _compared(document)
    for level, title in LEVELS.items():
        mine = [each for each in document.figures if each.level == level]
        if not mine:
            continue
        yield f"\n## {title}\n"
        yield _figures(mine, names)
        yield "\nPaired differences over the same users, items and seeds (p after Holm over the methods):\n"
        paired = [each for each in mine if each.section == "paired"]
        yield table(
            ["method", "against", "figure", "difference", "p"],
            [
                [e.method, e.against or "", e.figure, cell(e), "" if e.p_holm is None else f"{e.p_holm:.3f}"]
                for e in paired
            ],
        )
    yield from _personal(document)
    yield from _by_clicks(document, names)
    yield from _noise(document, names)
    if document.claims:
        yield "\n## Claims of the papers\n"
        yield table(
            ["paper", "claim", "verdict", "rests on"],
            [[each.paper, each.claim, f"**{each.verdict}**", each.rests_on] for each in document.claims],
        )
    yield "\n## Notes\n"
    yield "\n".join(f"- {note}" for note in document.notes)


def _compared(document: Document) -> Iterator[str]:
    users = ", ".join(f"{count} with {name} clicks" for name, count in document.users.items())
    yield "# Methods compared\n"
    yield (
        f"`{document.command}` over the night of {document.night}: {sum(document.users.values())} held-out users "
        f"painted for ({users}; of {document.held_out_users}), {len(document.items)} held-out items, "
        f"{len(document.segments)} segments, {document.painting_seeds} painting seeds; 95 % intervals over users, "
        f"items and seeds at once, {document.resamples} resamples, seed {document.seed}. "
        "**Users and their clicks are simulated.**\n"
    )
    yield table(
        ["method", "weights", "MB of its own", "trained by", "pictures"],
        [
            [
                m.name,
                f"`{m.fingerprint}`",
                f"{m.megabytes:.1f}",
                f"`{m.trained_by}`" if m.trained_by else "",
                f"{m.pictures:,}",
            ]
            for m in document.methods
        ],
    )


def _figures(mine: Sequence[Figure], names: Sequence[str]) -> str:
    plain = [each for each in mine if each.section == "figures" and each.slice == "all"]
    found = {(each.method, each.figure): each for each in plain}
    columns = ["original", *names, *sorted({each.method for each in plain} - {"original", *names})]
    rows = [[words, *(cell(found.get((name, figure))) for name in columns)] for figure, (words, _) in FIGURES.items()]
    return table(["figure", *columns], rows)


def _personal(document: Document) -> Iterator[str]:
    if document.permutations:
        yield "\n## Is it personal?\n"
        yield "Mean true probability with the right owner of each picture, against owners shuffled.\n"
        yield table(
            ["level", "method", "own", "shuffled", "z", "p"],
            [
                [e.level, e.method, f"{e.own:.4f}", f"{e.shuffled:.4f}", f"{e.z:.1f}", f"{e.p:.4f}"]
                for e in document.permutations
            ],
        )


def _by_clicks(document: Document, names: Sequence[str]) -> Iterator[str]:
    mine = [each for each in document.figures if each.section == "clicks"]
    if not mine:
        return
    found = {(each.slice, each.method): each for each in mine}
    slices = list(dict.fromkeys(each.slice for each in mine))
    yield "\n## By clicks known: gap to the user's own best drawing closed\n"
    columns = [
        column for name in names for column in (name, f"{name}: their segment's", f"{name}: own minus segment's")
    ]
    rows = []
    for name in slices:
        row = [f"{name}, {next(each.users for each in mine if each.slice == name)} users"]
        row += [cell(found.get((name, column))) for column in columns]
        rows.append(row)
    yield table(["users", *columns], rows)


def _noise(document: Document, names: Sequence[str]) -> Iterator[str]:
    mine = [each for each in document.figures if each.section == "noise"]
    if not mine:
        return
    found = {(each.slice, each.method, each.figure): each for each in mine}
    slices = list(dict.fromkeys(each.slice for each in mine))
    yield "\n## With false clicks in the history\n"
    yield "Users with clicks, first seed; the loss is against the same users and items without noise.\n"
    heads = ["noise", *(f"{name}: {figure}" for name in names for figure in ("gap closed", "loss", "style"))]
    yield table(
        heads,
        [
            [noise, *(cell(found.get((noise, n, f))) for n in names for f in ("gap closed", "loss", "style"))]
            for noise in slices
        ],
    )
