"""The report's first lines: is ranking better, for whom, how sure, what share of the attainable, against what order."""

from collections.abc import Mapping
from typing import Any

from recsys_eval.report.wording import interval, percent

Figures = Mapping[str, Mapping[str, Any]]
PLAYED, LOG = "lambdarank-played", "lambdarank-log"
METRIC = "wndcg@10"
CONTROLS = {"a/a": "A/A", "shuffled": "another segment's covers", "unpersonalised": "unpersonalised covers"}


def answers(figures: Figures) -> list[str]:
    """Sentences in the order of the questions; empty where no day was played.

    Nothing is called a lift while a control is not nothing, or while rankers gain on the log as it was, where nobody
    saw a generated cover: they know something from after the day.

    Parameters
    ----------
    figures
        Of ``metrics.json``, by name.
    """
    lift = figures.get(f"{PLAYED}.generated.{METRIC}.lift")
    if lift is None:
        return []
    doubts = [*_controls_off(figures), *_leak(figures)]
    if doubts:
        return [*doubts, f"Measured, and not called a lift while this stands: {_span(lift)}.", *_logged(figures)]
    lines = [_better(lift, "Ranking of the next day", "NDCG@10 by inverse examination weights")]
    treated = figures.get(f"{PLAYED}.treated.generated.{METRIC}.lift")
    if treated is not None:
        lines.append(_better(treated, "For the users who saw published covers, ranking", "the same"))
    return lines + _attainable(figures) + _controls(figures) + _logged(figures)


def _span(figure: Mapping[str, Any]) -> str:
    return f"{percent(figure['value'], sign=True)}, interval {interval(figure['low'], figure['high'], 'relative lift')}"


def _verdict(figure: Mapping[str, Any]) -> str:
    """``better``, ``worse`` or ``open`` by the interval."""
    low, high = figure["low"], figure["high"]
    if low is not None and low > 0:
        return "better"
    return "worse" if high is not None and high < 0 else "open"


def _better(figure: Mapping[str, Any], what: str, metric: str) -> str:
    said = {
        "better": f"{what} is better when generated covers are known",
        "worse": f"{what} is worse when generated covers are known",
        "open": f"{what} is not shown to be better when generated covers are known",
    }[_verdict(figure)]
    detectable = figure.get("detectable")
    power = f"; a lift of {percent(detectable)} is found in four samples of five" if detectable else ""
    return f"{said}: {_span(figure)} ({metric}, {figure['n']:,} {figure.get('of', 'users')}{power})."


def _attainable(figures: Figures) -> list[str]:
    attainable = figures.get(f"{PLAYED}.truth_covers.true {METRIC[1:]}.lift")
    share = figures.get(f"{PLAYED}.generated.{METRIC}.share")
    base = figures.get(f"{PLAYED}.truth_originals.true {METRIC[1:]}.lift")
    if share is None or attainable is None or base is None:
        return []
    whole = (1 + attainable["value"]) / (1 + base["value"]) - 1
    said = (
        f"Over all users that is {percent(share['value'])} of what was attainable, interval "
        f"{interval(share['low'], share['high'], 'share')}: who knew every user's true tastes would have gained "
        f"{percent(whole, sign=True)} by knowing the covers (simulated)."
    )
    return [said, *_true_lift(figures)]


def _true_lift(figures: Figures) -> list[str]:
    """What the lift is by true click probabilities: clicks of one day may be lucky."""
    true, share = (figures.get(f"{PLAYED}.generated.true {METRIC[1:]}.{part}") for part in ("lift", "share"))
    if true is None or share is None:
        return []
    return [
        f"By true click probabilities, without the luck of the day's clicks, the lift is {_span(true)}: "
        f"{percent(share['value'])} of the attainable (simulated)."
    ]


def _known_controls(figures: Figures) -> dict[str, Mapping[str, Any]]:
    found = {words: figures.get(f"{PLAYED}.{arm}.{METRIC}.lift") for arm, words in CONTROLS.items()}
    return {words: figure for words, figure in found.items() if figure is not None}


def _controls_off(figures: Figures) -> list[str]:
    """Controls that should be nothing and are not."""
    known = _known_controls(figures)
    off = [f"{words} {_span(figure)}" for words, figure in known.items() if _verdict(figure) != "open"]
    if not off:
        return []
    return [
        f"Believe no lift here before this is explained: controls that should be nothing are not: {'; '.join(off)}."
    ]


def _leak(figures: Figures) -> list[str]:
    """Whether rankers gain from generated covers where nobody saw them.

    Chance does that in one night of forty; a leak does it every night.
    """
    found = figures.get(f"{LOG}.generated.{METRIC}.lift")
    if found is None or _verdict(found) != "better":
        return []
    return [
        "Believe no lift here before this is explained: on the log as it was nobody saw a generated cover, and yet "
        f"rankers that know them gain {_span(found)}. A feature of them may know something from after the day."
    ]


def _controls(figures: Figures) -> list[str]:
    """That all controls are nothing."""
    known = _known_controls(figures)
    return [f"The controls hold: {', '.join(known)} are no lift."] if known else []


def _logged(figures: Figures) -> list[str]:
    """Whether the rankers are above the order of the log."""
    arms = {"generated": "with generated covers", "original": "without"}
    found = {words: figures.get(f"{PLAYED}.{arm}.{METRIC}.over_logged") for arm, words in arms.items()}
    known = {words: figure for words, figure in found.items() if figure is not None}
    below = [words for words, figure in known.items() if _verdict(figure) != "better"]
    if below:
        said = "; ".join(f"{words} {_span(known[words])}" for words in below)
        return [f"A ranker here is not above the order in which the log showed the items: {said}. Do not use it."]
    return [
        f"The rankers are above the order of the log: {words} {_span(figure)}."
        for words, figure in list(known.items())[:1]
    ]
