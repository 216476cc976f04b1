"""What must be known of a log before its figures are read: whether people were shown what it holds."""

from collections import Counter

from jobs.ingest.importers.rows import AGGREGATED, SAMPLED
from recsys_eval.night import Findings, Night

DRAWN = (
    "{share:.0%} of the impressions after the cut were not clicked and drawn by an import (policy {policy}): nobody "
    "saw them, and their order is made up. Rates of clicks, calibration, positions, the order of the log and every "
    "lift in clicks describe that drawing; what is left is which ranker tells clicked from drawn items"
)
COUNTED = (
    "{share:.0%} of the impressions after the cut are counts that an import spread out (policy {policy}): they belong "
    "to nobody, and nothing here says anything of users"
)
STICKERS = (
    "the built-in generator painted stickers for a feed that is not its own (generation.allow_sticker_generator): "
    "nothing here tells what covers of a generator that fits would bring, and none of these may be shown"
)


def describe_log(night: Night) -> Findings:
    """Caveats on rows that an import made up, and on covers that do not fit; no figures."""
    caveats = []
    kinds = Counter[tuple[str, bool]]()
    for day in night.logged_days:
        rows = night.lake.read("impressions", ds=day, columns=["policy", "clicked"])
        kinds.update(zip(rows["policy"].to_pylist(), rows["clicked"].to_pylist(), strict=True))
    total = sum(kinds.values())
    drawn, counted = kinds[SAMPLED, False], kinds[AGGREGATED, False] + kinds[AGGREGATED, True]
    for number, words, policy in ((drawn, DRAWN, SAMPLED), (counted, COUNTED, AGGREGATED)):
        if number:
            caveats.append(words.format(share=number / total, policy=policy))
    chosen = night.ctx.settings.generation
    if not night.simulated and chosen.allow_sticker_generator and chosen.checkpoint is None:
        caveats.append(STICKERS)
    return Findings(caveats=caveats)
