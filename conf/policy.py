"""The written policy: rules, read from top to bottom, of which the first that holds answers."""

import difflib
from collections import Counter
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    Field,
    FiniteFloat,
    SerializerFunctionWrapHandler,
    StringConstraints,
    model_serializer,
    model_validator,
)

from conf.section import Section

Answer: TypeAlias = Literal["approve", "reject", "ask"]
"""``ask`` leaves the cover undecided, so that it is not published, until a person has decided."""
Known: TypeAlias = Literal[
    "personal", "relevance", "aesthetic", "diversity", "resemblance", "clip", "pickscore", "hpsv2", "laion"
]
"""Rewards by name; safety is apart."""
Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
RuleName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
RESERVED = ("nsfw-unknown", "nsfw-over-limit", "no-rule")
"""Names of the answers that no rule can change."""


class Terse(Section):
    """A group of settings that is shown without what was left out."""

    @model_serializer(mode="wrap")
    def _without_blanks(self, serialize: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {key: value for key, value in serialize(self).items() if value not in (None, (), [], {}, False)}


class Range(Terse):
    """An interval; every bound that is given must hold."""

    min: FiniteFloat | None = None
    """At least."""
    max: FiniteFloat | None = None
    """At most."""
    above: FiniteFloat | None = None
    """More than."""
    below: FiniteFloat | None = None
    """Less than."""

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        lower = [bound for bound in (self.min, self.above) if bound is not None]
        upper = [bound for bound in (self.max, self.below) if bound is not None]
        if not lower and not upper:
            raise ValueError("a range needs min, max, above or below")
        if lower and upper and max(lower) > min(upper):
            raise ValueError("the range is empty: its lower bound lies over its upper one")
        return self

    def holds(self, value: float) -> bool:
        """Whether a number lies in the range.

        Examples
        --------
        >>> Range(min=0.2, below=0.5).holds(0.2), Range(min=0.2, below=0.5).holds(0.5)
        (True, False)
        """
        return (
            (self.min is None or value >= self.min)
            and (self.max is None or value <= self.max)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        bounds = ((">=", self.min), (">", self.above), ("<=", self.max), ("<", self.below))
        return " and ".join(f"{sign} {bound:g}" for sign, bound in bounds if bound is not None)


class RewardRanges(Terse):
    """A range by reward; those left out do not matter."""

    personal: Range | None = None
    relevance: Range | None = None
    """Cosine to the default cover blended with that to the title, in the aligned space."""
    aesthetic: Range | None = None
    diversity: Range | None = None
    resemblance: Range | None = None
    """Correlation of edges with the default cover: 1 is the same outlines, about 0 what noise has."""
    clip: Range | None = None
    pickscore: Range | None = None
    hpsv2: Range | None = None
    laion: Range | None = None


class Condition(Terse):
    """What a rule asks for; every part that is given must hold, and ``{}`` holds for every cover.

    A part that looks at something unknown does not hold in a rule that approves, and holds in one
    that rejects or asks: what is not known never helps a cover.
    """

    rewards: RewardRanges = RewardRanges()
    safety: Range | None = None
    """Of the probability that the picture is not safe for work."""
    unknown: tuple[Known, ...] = ()
    """One of these rewards is missing."""
    categories: tuple[Text, ...] = ()
    """The item's category is one of these."""
    brands: tuple[Text, ...] = ()
    """The item's title or a tag has a word of one of these lists of ``policy.brands``."""
    segments: tuple[Text, ...] = ()
    methods: tuple[Text, ...] = ()
    lowest: float | None = Field(default=None, gt=0, le=1)
    """One of the cover's rewards lies among this share of the night's covers that have the least of it."""
    disagree: float | None = Field(default=None, gt=0, le=1)
    """One reward ranks the cover above another one by at least this share of the night's covers: looks that were
    computed apart disagree about it."""
    first_night: bool = False
    """The generator's first night: no earlier night has a cover by it."""
    share: float | None = Field(default=None, gt=0, le=1)
    """This share of covers, drawn by the hash of their unit, so that it is the same whenever it is drawn."""


class Rule(Section):
    """One line of the policy."""

    name: RuleName
    """Begins the reason of every decision it makes."""
    when: Condition
    answer: Answer


DEFAULT_RULES = (
    Rule(name="relevance-unknown", when=Condition(unknown=("relevance",)), answer="reject"),
    Rule(
        name="relevance-under-limit",
        when=Condition(rewards=RewardRanges(relevance=Range(below=0.25))),
        answer="reject",
    ),
    Rule(name="lowest-reward", when=Condition(lowest=0.01), answer="ask"),
    Rule(name="looks-disagree", when=Condition(disagree=0.95), answer="ask"),
    Rule(name="first-night-sample", when=Condition(first_night=True, share=0.05), answer="ask"),
    Rule(name="sample", when=Condition(share=0.01), answer="ask"),
    Rule(
        name="within-limits",
        when=Condition(rewards=RewardRanges(relevance=Range(min=0.25))),
        answer="approve",
    ),
)


class PolicySettings(Section):
    """The written policy that decides what may be published without a person.

    Before any rule, a cover whose safety is unknown or over ``max_nsfw`` is rejected; after the
    last one, what no rule answered is rejected.
    """

    name: str = "default-2"
    """Part of every decision: change it whenever the rules change."""
    max_nsfw: float = Field(default=0.4, ge=0, le=1)
    """No rule approves a cover over it, and among candidates such a one gives way to the next."""
    brands: dict[str, tuple[Text, ...]] = Field(default_factory=dict)
    """Lists of words by name, for ``when.brands``."""
    titles: Literal["approve", "ask", "off"] = "off"
    """What becomes of written titles that pass their checks: published, left to a person, or none written."""
    blocked_words: tuple[Text, ...] = ()
    """Words that no written title may have."""
    rules: tuple[Rule, ...] = DEFAULT_RULES
    """In order; the first that holds answers. A profile or ``--config`` replaces them all."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = Counter(rule.name for rule in self.rules)
        twice = sorted(name for name, count in names.items() if count > 1)
        if twice:
            raise ValueError(f"two rules are named {twice[0]!r}: a decision must name one")
        taken = [name for name in RESERVED if name in names]
        if taken:
            raise ValueError(f"no rule may be named {taken[0]!r}: that is what is always done")
        for rule in self.rules:
            for listed in rule.when.brands:
                if listed not in self.brands:
                    near = difflib.get_close_matches(listed, self.brands, n=1)
                    hint = f"did you mean {near[0]!r}?" if near else "add it to policy.brands"
                    raise ValueError(f"rule {rule.name!r} names the brand list {listed!r}, which is not there; {hint}")
        return self
