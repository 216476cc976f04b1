"""The stages of a night, in order, as data: what each runs, reads, writes and depends on."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Literal

from jobs.lake.schema.owners import CLICK_MODEL_TABLES, filled_by

if TYPE_CHECKING:
    from collections.abc import Callable

    from jobs.lake.context import Context, StageResult


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of a night."""

    name: str
    """Also the command: ``coverlift <name>``."""
    function: str
    """``module:function`` taking a :class:`Context` and returning a :class:`StageResult`; imported when it runs."""
    about: str
    """One line for ``--help``."""
    sections: tuple[str, ...] = ()
    """Sections of the settings that its output depends on."""
    upstream: tuple[str, ...] = ()
    """Stages whose output it uses."""
    waits_for: tuple[str, ...] = ()
    """Stages that must have ended well before, though its output does not depend on them."""
    code: tuple[str, ...] = ()
    """Folders and files, relative to the checkout, whose change makes it run again; by default those that
    ``function`` reaches by imports (:mod:`jobs.reach`)."""
    reads: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    """Tables; their versions go into the run ledger."""
    watches: str | None = None
    """``module:function`` taking a :class:`Context` and returning a text: what else its output depends on."""
    gate: str | None = None
    """``module:function`` taking a :class:`Context`: raises a :class:`~conf.errors.GateError` while the stage must not
    run. It is asked even where the stage is up to date."""
    opened_by: str = ""
    """A stage that opens the gate: a run of both runs it again where the gate is shut."""
    rehearsal: str | None = None
    """``module:function`` taking a :class:`Context` and returning a :class:`StageResult` without writing: what
    ``coverlift <name> --dry-run`` tells besides whether the stage would run."""
    source: Literal["stickers"] | None = None
    """Only part of the night when ``ingest.source`` is this."""
    need: Literal["tokens"] | None = None
    """Only part of the night when a method of the settings is told this."""
    unless_off: str | None = None
    """``section.key`` of a setting: no part of a night in which it is ``off``."""

    def load(self) -> "Callable[[Context], StageResult]":
        """Import the function that runs the stage."""
        function: Callable[[Context], StageResult] = resolve(self.function)
        return function

    def watched(self, context: "Context") -> str:
        """What the stage watches beyond settings, code and upstream; empty when nothing."""
        return str(resolve(self.watches)(context)) if self.watches else ""

    def check_gate(self, context: "Context") -> None:
        """Ask the stage's gate, where it has one.

        Raises
        ------
        GateError
            When the stage must not run now.
        """
        if self.gate:
            resolve(self.gate)(context)


def resolve(place: str) -> Any:
    """The object that ``module:name`` names."""
    module, _, name = place.partition(":")
    return getattr(import_module(module), name)


STAGES: tuple[Stage, ...] = (
    Stage(
        name="world",
        function="jobs.simulator.stage:run",
        about="Write the built-in stickers world as input files.",
        sections=("world",),
        source="stickers",
    ),
    Stage(
        name="ingest",
        function="jobs.ingest.stage:run",
        about="Check the input files against their contract and load them.",
        sections=("ingest",),
        upstream=("world",),
        writes=filled_by("ingest"),
        watches="jobs.fingerprint:input_listing",
    ),
    Stage(
        name="encode",
        function="reward_model.encoders.stage:run",
        about="Embed covers and titles that are new.",
        sections=("encode",),
        upstream=("ingest",),
        reads=("covers", "items", "impressions"),
        writes=filled_by("encode"),
    ),
    Stage(
        name="features",
        function="jobs.features.stage:run",
        about="Compute users' behaviour, items' statistics, position bias and segments.",
        sections=("features", "reward"),
        upstream=("ingest", "encode"),
        reads=("impressions", "items", "covers", "cover_features"),
        writes=filled_by("features"),
    ),
    Stage(
        name="train-reward",
        function="reward_model.stage:run",
        about="Train and calibrate the reward model; the better of it and the champion stays.",
        sections=("reward",),
        upstream=("features",),
        reads=CLICK_MODEL_TABLES,
    ),
    Stage(
        name="preference-tokens",
        function="generation.personalization.dppmg.tokens:run",
        about="Tell what segments and users like as codes, where a method of the night needs them.",
        sections=("features", "generation"),
        upstream=("features",),
        reads=("interaction_edges", "cover_features", "user_segments", "impressions", "items"),
        writes=filled_by("preference-tokens"),
        watches="generation.personalization.dppmg.tokens:watched",
        need="tokens",
    ),
    Stage(
        name="plan",
        function="generation.planning.stage:run",
        rehearsal="generation.planning.stage:rehearse",
        about="Choose item x segment units by expected clicks gained per second.",
        sections=("generation", "reward", "weights", "reward_models"),
        upstream=("features", "preference-tokens", "train-reward"),
        reads=(
            "items",
            "covers",
            "cover_features",
            "item_features",
            "segments",
            "segment_history",
            "user_segments",
            "impressions",
        ),
        writes=filled_by("plan"),
    ),
    Stage(
        name="drift",
        function="jobs.drift.stage:run",
        rehearsal="jobs.drift.stage:rehearse",
        about="Compare the night with those before it; what is far off is told, gross faults end it.",
        sections=("drift",),
        upstream=("ingest", "features", "plan"),
        reads=("impressions", "quarantine", "segments", "generation_plan"),
        writes=filled_by("drift"),
    ),
    Stage(
        name="generate",
        function="generation.painting.stage:run",
        about="Paint the planned units; the best candidate of each is kept.",
        sections=("generation", "weights", "reward_models"),
        upstream=("plan",),
        waits_for=("drift",),
        reads=("generation_plan", "covers", "cover_features"),
        writes=("covers", *filled_by("generate"), "cover_features"),
    ),
    Stage(
        name="titles",
        function="generation.personalization.dppmg.titles.stage:run",
        about="Write titles for groups of readers, where policy.titles asks for them.",
        sections=("titles", "policy", "features"),
        upstream=("generate", "features"),
        reads=("generation_plan", "items", "impressions", "position_bias"),
        writes=filled_by("titles"),
        watches="generation.personalization.dppmg.titles.stage:watched",
        unless_off="policy.titles",
    ),
    Stage(
        name="review-policy",
        function="generation.review.policy.stage:run",
        about="Decide by the written policy what may be published.",
        sections=("policy",),
        upstream=("generate", "titles"),
        reads=("generated_covers", "generated_titles", "items", "cover_decisions"),
        writes=filled_by("review-policy"),
    ),
    Stage(
        name="review-sync",
        function="generation.review.log.sync:run",
        about="Write what people decided at the reviewers' desk into the decisions.",
        upstream=("generate",),
        reads=("generated_covers", "cover_decisions"),
        writes=("cover_decisions", "generated_covers", "review_heads"),
        watches="generation.review.log.sync:watched",
    ),
    Stage(
        name="publish",
        function="jobs.publishing.stage:run",
        sections=("publish",),
        about="Write what the feed may show tonight: approved covers only.",
        upstream=("generate", "titles", "review-policy"),
        reads=("generated_covers", "generated_titles", "cover_decisions"),
        writes=filled_by("publish"),
        watches="jobs.publishing.stage:decisions_digest",
        gate="generation.review.log.sync:check_synced",
        opened_by="review-sync",
    ),
    Stage(
        name="play",
        function="jobs.simulator.played_day:run",
        about="Let the stickers world live the next day with the published covers.",
        sections=("world", "ingest"),
        upstream=("publish",),
        reads=("published_covers", "user_segments", "covers", "published_titles", "user_word_groups"),
        writes=("impressions", "quarantine", *filled_by("play")),
        source="stickers",
    ),
    Stage(
        name="evaluate",
        function="recsys_eval.stage:run",
        about="Measure what the covers change: rankers, lift, image metrics, the next day.",
        sections=("evaluate", "reward", "generation"),
        upstream=("generate", "publish", "play"),
        reads=("impressions", "user_features", "item_features", "generated_covers", "published_covers"),
        writes=(*filled_by("evaluate"), "judgements"),
    ),
    Stage(
        name="report",
        function="recsys_eval.report.stage:run",
        about="Write the lift report as one HTML page.",
        sections=("evaluate",),
        upstream=("evaluate", "drift"),
        reads=("ranking_lift", "generated_covers", "published_covers", "drift", "runs"),
    ),
)
