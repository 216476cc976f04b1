"""What the papers claim, and what a comparison says of it; a claim that nothing here can measure says so."""

from collections.abc import Iterator, Sequence

from recsys_eval.arm_names import TITLES, chosen_to_agree, with_title
from recsys_eval.comparison.figures.audience import NOBODY
from recsys_eval.comparison.figures.masks import LIKED
from recsys_eval.comparison.report.document import Claim, Figure, Permutation, Verdict

ICG, PIGEON, DPPMG = "ICG", "Pigeon", "DPPMG"
NOT_HERE: Verdict = "not measurable here"
PERSONAL = 0.01
"""The p of a permutation test from which covers count as personal."""
AS_REAL = 0.98
"""Share of what is found in real drawings from which subjects count as kept."""
LEVELS = {"segment": "segments", "user": "single users"}


def _best(figures: Sequence[Figure], **wanted: str) -> Figure | None:
    return next((each for each in figures if all(getattr(each, key) == value for key, value in wanted.items())), None)


def verdict_of(found: Figure, *, null: float = 0.0) -> Verdict:
    """Whether a gain is one: by the side of ``null`` that its whole interval lies on."""
    if found.low is None or found.high is None or found.low <= null <= found.high:
        return "not shown"
    return "holds" if found.low > null else "does not hold"


def _told(found: Figure) -> str:
    bounds = "" if found.low is None else f" [{found.low:+.1%}, {found.high:+.1%}]"
    return f"{found.value:+.1%}{bounds}"


def claims_of(methods: Sequence[str], figures: Sequence[Figure], permutations: Sequence[Permutation]) -> list[Claim]:
    """A row for each claim about the methods that were compared."""
    rows = [_human(), _public_networks()]
    for method, claims in (("icg", _of_icg), ("pigeon", _of_pigeon), ("dppmg", _of_dppmg)):
        if method in methods:
            rows += claims(figures, permutations)
    return rows


def _ahead(paper: str, claim: str, figures: Sequence[Figure], method: str, against: str) -> Iterator[Claim]:
    """A row a level: whether a method closes more of the gap than another."""
    for level, words in LEVELS.items():
        found = _best(figures, section="paired", level=level, method=method, figure="gap closed", against=against)
        if found is not None:
            yield Claim(
                paper=paper,
                claim=f"{claim}: {words}",
                verdict=verdict_of(found),
                rests_on=f"gap closed over `{against}` {_told(found)}",
            )


def _personal(paper: str, claim: str, permutations: Sequence[Permutation], method: str) -> Iterator[Claim]:
    for test in permutations:
        if test.method == method:
            yield Claim(
                paper=paper,
                claim=f"{claim}: {LEVELS[test.level]}",
                verdict="holds" if test.p < PERSONAL else "not shown",
                rests_on=f"permutation test z {test.z:.1f}, p {test.p:.3f}",
            )


def _as_real(paper: str, claim: str, figures: Sequence[Figure], method: str) -> Iterator[Claim]:
    for level, words in LEVELS.items():
        found = _best(figures, section="figures", level=level, method=method, figure="subject R@10")
        if found is not None:
            yield Claim(
                paper=paper,
                claim=f"{claim}: {words}",
                verdict="holds" if found.value >= AS_REAL else "does not hold",
                rests_on=f"subject R@10 {found.value:.1%} of that of real drawings (98 % asked)",
            )


def _left_out(paper: str, claim: str, rests_on: str) -> Claim:
    return Claim(paper=paper, claim=claim, verdict=NOT_HERE, rests_on=rests_on)


def _of_icg(figures: Sequence[Figure], permutations: Sequence[Permutation]) -> Iterator[Claim]:
    better = "generated covers match preference better than handcrafted conditioning"
    yield from _ahead(ICG, better, figures, "icg", "profile")
    yield from _personal(ICG, "the user embedding matters", permutations, "icg")
    yield from _ahead(ICG, "covers for somebody gain over covers for nobody", figures, "icg", f"icg: {NOBODY}")
    yield Claim(
        paper=ICG,
        claim="no labelled data is needed",
        verdict="does not hold",
        rests_on="as shipped its readers learned family labels of drawings (docs/icg.md)",
    )
    yield _left_out(
        ICG, "each reward and the meta tokens add something", "needs a training a part: `coverlift study ablation`"
    )


def _of_pigeon(figures: Sequence[Figure], permutations: Sequence[Permutation]) -> Iterator[Claim]:
    for noise in dict.fromkeys(each.slice for each in figures if each.section == "noise" and each.slice != "none"):
        found = _best(figures, section="noise", method="pigeon", figure="gap closed", slice=noise, against="profile")
        if found is not None:
            yield Claim(
                paper=PIGEON,
                claim=f"captures preference from noisy history: {noise} of false clicks",
                verdict=verdict_of(found),
                rests_on=f"gap closed over `profile` with the same noise {_told(found)}",
            )
    for mask in (each for each in figures if each.section == "mask" and each.method == "pigeon"):
        what = "clicks that are liked" if mask.slice == LIKED else mask.slice
        bounds = "" if mask.low is None else f" [{mask.low:.2f}, {mask.high:.2f}]"
        yield Claim(
            paper=PIGEON,
            claim=f"the mask keeps what tells a taste: {what}",
            verdict=verdict_of(mask, null=0.5),
            rests_on=f"AUC {mask.value:.2f}{bounds}",
        )
    yield from _as_real(PIGEON, "the instruction is followed", figures, "pigeon")
    yield from _ahead(PIGEON, "stage 1 aligns without labels", figures, "pigeon-stage1", "profile")
    yield from _ahead(PIGEON, "stage 2 aligns further", figures, "pigeon", "pigeon-stage1")
    for base in ("profile", "icg"):
        yield from _ahead(PIGEON, f"better than other generators ({base})", figures, "pigeon", base)
    yield from _personal(PIGEON, "covers are personal", permutations, "pigeon")


def _of_dppmg(figures: Sequence[Figure], permutations: Sequence[Permutation]) -> Iterator[Claim]:
    for base in ("profile", "icg"):
        yield from _ahead(DPPMG, f"better than other generators ({base})", figures, "dppmg", base)
    yield from _ahead(
        DPPMG, "codes lose nothing against the continuous preference", figures, "dppmg", "dppmg-continuous"
    )
    yield from _as_real(DPPMG, "the item stays recognisable", figures, "dppmg")
    yield from _personal(DPPMG, "the picture is personalised", permutations, "dppmg")
    yield from _personal(DPPMG, "the title is personalised", permutations, TITLES)
    yield from _with_titles(figures)
    yield _left_out(DPPMG, "graphs learn preference better", "the training's own figures: docs/dppmg.md")


def _with_titles(figures: Sequence[Figure]) -> Iterator[Claim]:
    """What a title adds to a picture, and what asking both to agree adds."""
    for level, words in LEVELS.items():
        names = {"section": "titles", "level": level}
        titled, chosen = with_title("dppmg"), chosen_to_agree("dppmg")
        both = _best(figures, **names, method=titled, figure="lift", against="dppmg")
        if both is not None:
            yield Claim(
                paper=DPPMG,
                claim=f"picture and title together gain over the picture: {words}",
                verdict=verdict_of(both),
                rests_on=f"true clicks over the picture alone {_told(both)}",
            )
        agreeing = _best(figures, **names, method=chosen, figure="agreement", against=titled)
        if agreeing is not None:
            yield Claim(
                paper=DPPMG,
                claim=f"a reward that asks picture and title to agree brings them together: {words}",
                verdict=verdict_of(agreeing),
                rests_on=f"both of the item, the painting nearest to the title against any {_told(agreeing)}",
            )


def _human() -> Claim:
    return _left_out("all", "people prefer the covers", "users are simulated; the desk's blind comparison asks people")


def _public_networks() -> Claim:
    return _left_out(
        "all",
        "FID, CLIPScore and LPIPS by public networks",
        "none of these networks is at hand; the judge and the encoder stand in by name",
    )
