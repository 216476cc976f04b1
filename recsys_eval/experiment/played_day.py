"""The day after the night: users who saw published covers against users who did not, and its off-policy check."""

import numpy as np
import polars as pl

from conf.errors import GateError
from jobs.lake.arrays import Flags, Ints
from jobs.lake.examination import examination_at
from recsys_eval.experiment.ab import Comparison, compare
from recsys_eval.experiment.off_policy import LoggedRounds, off_policy_values
from recsys_eval.night import Findings, Night
from recsys_eval.ranking.arm_metrics import MIN_SLICE_USERS
from recsys_eval.ranking.compare import treated_rows
from recsys_eval.ranking.cover_assignment import published_assignment
from recsys_eval.ranking.features import ImpressionFeatures
from recsys_eval.statistics.figures import Figure, figure, lift_row
from recsys_eval.statistics.lift import Estimate

ALL, PAIRS, NEW_PAIRS = "all", "published pairs", "published pairs, new items"
COVER_ONLY, TITLE_ONLY, BOTH = "published cover only", "published title only", "published cover and title"
"""Pairs of user and item by what is published for them; only where titles are."""


def measure_experiment(night: Night) -> Findings:
    """Click-through rates of treated and control, and what an off-policy estimate says of publishing to everybody."""
    if not night.played:
        return Findings(notes=[f"the log has no {night.next_day}: there is no A/B of published covers"])
    night.begin("A/B of published covers")
    impressions = night.play
    treated = treated_rows(impressions)
    assigned, _ = published_assignment(night.lake, night.ctx.ds).of(impressions)
    pairs = assigned > 0
    new = impressions.frame["item_id"].is_in(list(night.new_items)).to_numpy()
    findings = Findings()
    masks = {ALL: np.ones(len(treated), bool), PAIRS: pairs}
    if (pairs & ~new).any():
        masks[NEW_PAIRS] = pairs & new
    titled = titled_pairs(night, impressions)
    if titled.any():
        masks |= {COVER_ONLY: pairs & ~titled, TITLE_ONLY: titled & ~pairs, BOTH: titled & pairs}
    for name, mask in masks.items():
        if np.unique(impressions.user[mask]).size < MIN_SLICE_USERS:
            findings.notes.append(f"A/B, {name}: fewer than {MIN_SLICE_USERS} users")
            continue
        found = _compare(night, impressions, treated, mask)
        if found is None:
            findings.notes.append(f"A/B, {name}: one side has no impressions or the control no clicks")
            continue
        findings.rows += _rows(found, name)
        findings.figures += _figures(night, found, name)
    if pairs.any() and treated[pairs].any() and not treated[pairs].all():
        findings.add(_published_to_all(night, impressions, treated, assigned))
    return findings


def titled_pairs(night: Night, impressions: ImpressionFeatures) -> Flags:
    """(N,) whether a title is published for the impression's item and its user's words group."""
    none = np.zeros(len(impressions.user), bool)
    if night.ctx.ds.isoformat() not in night.lake.partitions("published_titles"):
        return none
    titles = night.lake.read("published_titles", ds=night.ctx.ds, columns=["item_id", "group_id"])
    groups = night.lake.read("user_word_groups", ds=night.ctx.ds, columns=["user_id", "group_id"])
    pairs = pl.DataFrame(pl.from_arrow(titles)).with_columns(titled=pl.lit(True))
    frame = impressions.frame.select("user_id", "item_id")
    found = frame.join(pl.DataFrame(pl.from_arrow(groups)), on="user_id", how="left", maintain_order="left").join(
        pairs, on=["item_id", "group_id"], how="left", maintain_order="left"
    )
    return np.asarray(found["titled"].fill_null(False).to_numpy(), bool)


def _compare(night: Night, impressions: ImpressionFeatures, treated: Flags, mask: Flags) -> Comparison | None:
    chosen = night.ctx.settings.evaluate
    return compare(
        impressions.user[mask],
        impressions.clicked[mask],
        treated[mask],
        resamples=chosen.bootstrap,
        seed=chosen.seed,
    )


def _rows(found: Comparison, name: str) -> list[dict[str, object]]:
    slice_name = f"A/B: {name}"
    gap = found.difference
    difference = lift_row("ctr difference", "published", slice_name, gap.value, None, found.users)
    return [
        lift_row("ctr", "original", slice_name, found.control.value, None, found.users_control),
        lift_row("ctr", "published", slice_name, found.treated.value, found.lift, found.users),
        {**difference, "low": gap.low, "high": gap.high, "p": gap.p},
    ]


def _figures(night: Night, found: Comparison, name: str) -> list[Figure]:
    key = name.replace(", ", ".").replace(" ", "_").lower()

    def one(part: str, about: str, estimate: Estimate, unit: str, users: int) -> Figure:
        return figure(f"ab.{key}.{part}", about, estimate, n=users, unit=unit, simulated=night.simulated)

    return [
        one("lift", f"Relative CTR lift of published covers ({name})", found.lift, "relative lift", found.users),
        one("difference", f"CTR of treated minus control ({name})", found.difference, "share", found.users),
        one("treated", f"CTR of treated users ({name})", found.treated, "share", found.users_treated),
        one("control", f"CTR of control users ({name})", found.control, "share", found.users_control),
    ]


def _published_to_all(night: Night, impressions: ImpressionFeatures, treated: Flags, assigned: Ints) -> Findings:
    """Value of publishing to everybody, from both sides' published pairs.

    The action is the user's side, drawn with a known share. IPS repeats the treated CTR; the doubly
    robust estimate also uses what the reward model expects of either cover, and should agree.
    """
    pairs = assigned > 0
    users = np.unique(impressions.user)
    share = np.unique(impressions.user[treated]).size / users.size
    seen = examination_at(night.examination, impressions.position)
    impressions.score([assigned, impressions.default_row])
    if_published = impressions.probability(assigned) * seen
    if_not = impressions.probability(impressions.default_row) * seen
    expected = np.stack([np.where(treated, if_published, if_not), if_published])[:, pairs]
    rounds = LoggedRounds(
        user=np.unique(impressions.user[pairs], return_inverse=True)[1],
        reward=impressions.clicked[pairs].astype(np.float64),
        propensity=np.where(treated, share, 1 - share)[pairs],
        target=treated[pairs].astype(np.float64),
        expected_logged=expected[0],
        expected_target=expected[1],
    )
    return value_findings(night, rounds, policy="published to all", place=f"{night.next_day}, published pairs")


def value_findings(night: Night, rounds: LoggedRounds, *, policy: str, place: str) -> Findings:
    """Rows and figures of one policy's off-policy values."""
    chosen = night.ctx.settings.evaluate
    if np.unique(rounds.user).size < MIN_SLICE_USERS:
        return Findings(notes=[f"off-policy value of '{policy}': fewer than {MIN_SLICE_USERS} users"])
    try:
        rounds.require_support()
    except GateError as error:
        return Findings(notes=[f"off-policy value of '{policy}' is not told: {error}"])
    values = off_policy_values(rounds, resamples=chosen.bootstrap, seed=chosen.seed)
    n_users = int(np.unique(rounds.user).size)
    key = policy.replace(" ", "_")
    findings = Findings()
    for name, found in values.items():
        row = lift_row(f"ctr by {name}", policy, f"off-policy: {place}", found.value, None, n_users)
        findings.rows.append({**row, "low": found.low, "high": found.high})
        findings.figures.append(
            figure(
                f"ope.{key}.{name}",
                f"CTR of the policy '{policy}' by {name.upper()} from {place}",
                found,
                n=n_users,
                unit="share",
                simulated=night.simulated,
            )
        )
    findings.figures.append(
        Figure(
            name=f"ope.{key}.effective_size",
            about=f"Effective sample size of the weights for '{policy}'",
            value=rounds.effective_size,
            n=int(rounds.user.size),
            of="impressions",
            unit="impressions",
            simulated=night.simulated,
        )
    )
    return findings
