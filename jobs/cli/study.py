"""Commands that measure by hand what a night does not: ``coverlift study ...``."""

from jobs.cli.app import make_app
from jobs.cli.programs import Program, add_programs

PROGRAMS = (
    Program(
        name="sweep",
        function="generation.diffusion.training.sweep:sweep",
        about="What steps and guidance give, on validation subjects.",
    ),
    Program(
        name="ablation",
        function="recsys_eval.studies.ablations:ablation",
        about="What each part of ICG adds: trains it and one variant for each part left out.",
    ),
    Program(
        name="segment-liking",
        function="recsys_eval.studies.segment_liking:segment_liking",
        about="What segments of some number are worth, by the true tastes of the built-in world.",
    ),
    Program(
        name="user-liking",
        function="recsys_eval.studies.user_liking:user_liking",
        about="What ways to tell a single user's favourite family are worth, by the true tastes of the built-in world.",
    ),
    Program(
        name="preference-codes",
        function="recsys_eval.studies.dppmg.preference_codes:preference_codes",
        about="What DPPMG's codes are, who holds them, and what they keep of a preference.",
    ),
    Program(
        name="preference-ablations",
        function="recsys_eval.studies.dppmg.preference_ablations:preference_ablations",
        about="What each part of DPPMG's preferences and codes is worth in ranking clicks.",
    ),
    Program(
        name="own-covers",
        function="recsys_eval.studies.own_covers:own_covers",
        about="What covers of single users' own were worth in a night with them, by the built-in world.",
    ),
    Program(
        name="unbiased-ranking",
        function="recsys_eval.studies.unbiased_ranking:unbiased_ranking",
        about="Whether the weighted ranking metric is unbiased, on the built-in world's known truth.",
    ),
    Program(
        name="ranker",
        function="recsys_eval.metrics.table:ranker",
        about="Every metric of a ranker of your own: a table with its scores on a log.",
    ),
    Program(
        name="trust",
        function="recsys_eval.studies.trust.simulations:trust",
        about="Whether intervals and tests keep what they promise, on made-up logs whose truth is known.",
    ),
    Program(
        name="open-bandit",
        function="recsys_eval.studies.trust.open_bandit:open_bandit",
        about="Off-policy estimates on the Open Bandit Dataset's real clicks, beside what the policy earned.",
    ),
    Program(
        name="titles",
        function="recsys_eval.studies.dppmg.titles:titles",
        about="What the writer of titles is worth, by the true tastes of the built-in world.",
    ),
    Program(
        name="words-and-pictures",
        function="recsys_eval.studies.dppmg.words_and_pictures:words_and_pictures",
        about="Whether a title finds its picture among others: what a reward of agreement could go by.",
    ),
    Program(
        name="validation-sweep",
        function="recsys_eval.studies.validation_sweep:validation_sweep",
        about="What guidance and the plan's threshold do on validation items, by a second classifier.",
    ),
    Program(
        name="panel",
        function="recsys_eval.studies.panel:panel",
        about="What a panel sees in painted covers, family by family, as a ratio to real drawings.",
    ),
    Program(
        name="figures",
        function="recsys_eval.studies.quoted_figures:quoted_figures",
        about="Keep the README's figures of a finished night, and set them into the page.",
    ),
    Program(
        name="sheet",
        function="recsys_eval.report.sheet:sheet",
        about="A sample sheet of a night as one picture: originals, painted covers, real drawings.",
    ),
)

COMPARE = (
    Program(
        name="compare",
        function="recsys_eval.comparison.command:compare",
        about="Put methods side by side over a finished night: for segments and for single users, with noise.",
    ),
    Program(
        name="compare-nights",
        function="recsys_eval.report.between:compare_nights",
        about="Put the figures of several nights side by side, as one HTML page.",
    ),
)
"""Commands of their own."""

app = make_app("Measure by hand what a night does not; most over the tables of a finished night.")
add_programs(app, PROGRAMS)
