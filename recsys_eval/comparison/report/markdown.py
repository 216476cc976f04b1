"""A comparison as a page of Markdown."""

from collections.abc import Iterator, Sequence

from recsys_eval.arm_names import ALONE, TITLES, chosen_to_agree, with_title
from recsys_eval.comparison.report.document import Document, Figure

FIGURES = {
    "lift": ("true clicks over the original", "share"),
    "gap closed": ("share of the gap to the best drawing closed", "share"),
    "style": ("in the favourite style, as share of real drawings", "share"),
    "subject": ("subject found first of all held-out ones (R@1), as share of real drawings", "share"),
    "subject R@10": ("subject among the first ten (R@10), as share of real drawings", "share"),
    "perceptual distance": ("LPIPS-like distance to the real drawing, in the judge's feature maps", "number"),
    "distance": ("encoder distance to the real drawing", "number"),
    "KID": ("KID to the real drawings, in the judge's pooled feature maps", "number"),
    "diversity": ("diversity across tastes, as share of that of the drawings they like best", "share"),
    "SSIM": ("SSIM to the original", "number"),
    "plain CNN style": ("in the favourite style by plain CNNs, as share of real drawings", "share"),
    "plain CNN subject": ("subject found first by plain CNNs, as share of real drawings", "share"),
    "edge halo": ("halo around the drawing, over that of real drawings", "number"),
    "colours needed": ("colours needed, over those of real drawings", "number"),
    "gradient energy": ("gradient energy, over that of real drawings", "number"),
    "real or painted": ("told from real drawings by a fresh classifier (AUC; 0.5: not at all)", "number"),
    "personal reward": ("predicted clicks over the original, by the night's click model", "share"),
    "relevance": ("relevance, as the reward", "number"),
    "CS to the title": ("CS: cosine to the title", "number"),
    "CIS to the original": ("CIS: cosine to the original", "number"),
    "history CS": ("history CS: cosine to the titles of clicked items", "number"),
    "history CIS": ("history CIS: cosine to clicked covers", "number"),
    "loss": ("lost of the gap closed", "share"),
    "style loss": ("lost of the style", "share"),
    "mask": ("AUC of the mask", "number"),
    "agreement": ("picture and title both of the item, by both judges", "share"),
}
"""Figure to its words and unit."""
SECTIONS = {
    "figures": "",
    "panel": "The panel: networks and measures that no method was trained by, where the original is drawn by another "
    "family (1, or 100 %, is what real drawings have):",
    "encoder": "By the packaged encoder, through which rewards look and methods were trained (CS and CIS in the "
    "papers' sense, not CLIP's):",
}
"""Tables of a level, and what is said above them."""
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
        for section, about in SECTIONS.items():
            if any(each.section == section for each in mine):
                if about:
                    yield f"\n{about}\n"
                yield _figures(mine, section, names)
        yield "\nControls, in the same cells:\n"
        yield _controls(mine, names)
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
    yield from _masks(document)
    yield from _titles(document, names)
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
        ["method", "weights", "trained parameters", "MB of its own", "minutes of training", "trained by", "pictures"],
        [
            [
                m.name,
                f"`{m.fingerprint}`",
                f"{m.parameters:,}",
                f"{m.megabytes:.1f}",
                "" if m.training_minutes is None else f"{m.training_minutes:.0f}",
                f"`{m.trained_by}`" if m.trained_by else "",
                f"{m.pictures:,}",
            ]
            for m in document.methods
        ],
    )


def _figures(mine: Sequence[Figure], section: str, names: Sequence[str]) -> str:
    plain = [each for each in mine if each.section == section and each.slice == "all"]
    found = {(each.method, each.figure): each for each in plain}
    there = {each.method for each in plain}
    columns = [name for name in ("original", "real drawings", *names) if name in there]
    told = dict.fromkeys(figure for _, figure in found)
    rows = [
        [words, *(cell(found.get((name, figure))) for name in columns)]
        for figure, (words, _) in FIGURES.items()
        if figure in told
    ]
    return table(["figure", *columns], rows)


def _controls(mine: Sequence[Figure], names: Sequence[str]) -> str:
    """Gap closed by each method's own covers, and by those of its controls."""
    found = {each.method: each for each in mine if each.section == "figures" and each.figure == "gap closed"}
    controls = dict.fromkeys(name.partition(": ")[2] for name in found)
    rows = [
        [control or "their own", *(cell(found.get(f"{name}: {control}" if control else name)) for name in names)]
        for control in controls
    ]
    return table(["gap closed by covers painted for", *names], rows)


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
    mine = [each for each in document.figures if each.section == "clicks" and each.against is None]
    if not mine:
        return
    found = {(each.slice, each.method): each for each in mine}
    slices = list(dict.fromkeys(each.slice for each in mine))
    yield "\n## By clicks known: gap to the user's own best drawing closed\n"
    columns = [column for name in names for column in (name, f"{name}: their segment", f"{name}: own minus segment")]
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
    found = {(each.slice, each.method, each.figure): each for each in mine if each.against is None}
    slices = list(dict.fromkeys(each.slice for each in mine))
    yield "\n## With false clicks in the history\n"
    yield "Users with clicks, first seed; losses are against the same users and items without noise.\n"
    shown = ("gap closed", "loss", "style", "style loss")
    heads = ["noise", *(f"{name}: {figure}" for name in names for figure in shown)]
    yield table(heads, [[noise, *(cell(found.get((noise, n, f))) for n in names for f in shown)] for noise in slices])
    ahead = [each for each in mine if each.against is not None]
    if ahead:
        yield "\nGap closed, over other methods with the same noise:\n"
        yield table(
            ["noise", "method", "against", "difference"],
            [[e.slice, e.method, e.against or "", cell(e)] for e in ahead],
        )


def _masks(document: Document) -> Iterator[str]:
    mine = [each for each in document.figures if each.section == "mask"]
    if not mine:
        return
    yield "\n## Which clicks a mask believes\n"
    yield "AUC of its scores, 0.5 is chance; no method is told which clicks are false.\n"
    yield table(["method", "told apart", "AUC"], [[e.method, e.slice, cell(e)] for e in mine])


def _titles(document: Document, names: Sequence[str]) -> Iterator[str]:
    """Covers, written titles and both, and what titles are like."""
    mine = [each for each in document.figures if each.section == "titles"]
    if not mine:
        return
    yield "\n## Covers and titles\n"
    yield (
        "True clicks over the original under its plain title, and of both over either alone; users read the title "
        "written for their words group. Chosen to agree: of the paintings of all seeds the one that the packaged "
        "encoder finds nearest to the title.\n"
    )
    painted_by = {arm: name for name in names for arm in (name, with_title(name), chosen_to_agree(name))}
    for level in dict.fromkeys(each.level for each in mine):
        here = [each for each in mine if each.level == level and each.method != TITLES]
        arms = list(dict.fromkeys(each.method for each in here))
        found = {(each.method, each.figure, each.against): each for each in here}
        yield f"\n{LEVELS[level]}:\n"
        yield table(
            [
                "what is shown",
                "true clicks",
                "over its cover alone",
                "over the title alone",
                FIGURES["agreement"][0],
                "over any painting",
            ],
            [
                [
                    arm,
                    cell(found.get((arm, "lift", None))),
                    cell(found.get((arm, "lift", painted_by.get(arm, arm)))),
                    cell(found.get((arm, "lift", ALONE))),
                    cell(found.get((arm, "agreement", None))),
                    cell(found.get((arm, "agreement", with_title(painted_by.get(arm, arm))))),
                ]
                for arm in arms
            ],
        )
    told = {each.figure: each for each in mine if each.method == TITLES}
    yield "\nThe titles, over items, words groups and seeds:\n"
    yield table(["figure", "share"], [[figure, cell(each)] for figure, each in told.items()])
