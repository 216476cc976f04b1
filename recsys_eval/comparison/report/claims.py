"""What the papers claim, and what a comparison says of it; a claim that nothing here can measure says so."""

from collections.abc import Sequence

from recsys_eval.comparison.figures.audience import NOBODY
from recsys_eval.comparison.report.document import Claim, Figure, Permutation, Verdict

ICG = "ICG"
NOT_HERE: Verdict = "not measurable here"


def _best(figures: Sequence[Figure], **wanted: str) -> Figure | None:
    return next((each for each in figures if all(getattr(each, key) == value for key, value in wanted.items())), None)


def verdict_of(found: Figure) -> Verdict:
    """Whether a gain is one: by the side of zero that its whole interval lies on."""
    if found.low is None or found.high is None or found.low <= 0 <= found.high:
        return "not shown"
    return "holds" if found.low > 0 else "does not hold"


def _told(found: Figure) -> str:
    bounds = "" if found.low is None else f" [{found.low:+.1%}, {found.high:+.1%}]"
    return f"{found.value:+.1%}{bounds}"


def claims_of(methods: Sequence[str], figures: Sequence[Figure], permutations: Sequence[Permutation]) -> list[Claim]:
    """A row for each claim about the methods that were compared."""
    rows = [_human(), _public_networks()]
    if "icg" not in methods:
        return rows
    ahead = _best(figures, section="paired", level="segment", method="icg", figure="gap closed", against="profile")
    alone = _best(figures, section="paired", level="user", method="icg", figure="gap closed", against="profile")
    for level, found in (("segments", ahead), ("single users", alone)):
        if found is not None:
            rows.append(
                Claim(
                    paper=ICG,
                    claim=f"generated covers match preference better than handcrafted conditioning: {level}",
                    verdict=verdict_of(found),
                    rests_on=f"gap closed over `profile` {_told(found)}",
                )
            )
    rows += [
        Claim(
            paper=ICG,
            claim=f"the user embedding matters: {test.level} level",
            verdict="holds" if test.p < 0.01 else "not shown",
            rests_on=f"permutation test z {test.z:.1f}, p {test.p:.3f}",
        )
        for test in permutations
        if test.method == "icg"
    ]
    told = _best(
        figures, section="paired", level="segment", method="icg", figure="gap closed", against=f"icg: {NOBODY}"
    )
    if told is not None:
        rows.append(
            Claim(
                paper=ICG,
                claim="covers for somebody gain over covers for nobody in particular",
                verdict=verdict_of(told),
                rests_on=f"gap closed over the same method for nobody in particular {_told(told)}",
            )
        )
    rows.append(
        Claim(
            paper=ICG,
            claim="no labelled data is needed",
            verdict="does not hold",
            rests_on="as shipped its readers learned family labels of drawings (docs/icg.md)",
        )
    )
    rows.append(
        Claim(
            paper=ICG,
            claim="each reward and the meta tokens add something",
            verdict=NOT_HERE,
            rests_on="needs a training a part: `coverlift study ablation`",
        )
    )
    return rows


def _human() -> Claim:
    return Claim(
        paper="all",
        claim="people prefer the covers",
        verdict=NOT_HERE,
        rests_on="users are simulated; the desk's blind comparison asks people",
    )


def _public_networks() -> Claim:
    return Claim(
        paper="all",
        claim="FID, CLIPScore and LPIPS by public networks",
        verdict=NOT_HERE,
        rests_on="none of these networks is at hand; the judge and the encoder stand in by name",
    )
