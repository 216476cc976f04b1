"""Commands that train what ships: ``coverlift train ...``."""

from jobs.cli.app import make_app
from jobs.cli.programs import Program, add_programs

PROGRAMS = (
    Program(
        name="generator",
        function="generation.diffusion.training.train:train_generator",
        about="First half of the generator's training: what to paint.",
    ),
    Program(
        name="reader",
        function="generation.diffusion.training.train_reader:train_reader",
        about="A reader of drawings, which the generator's second half and ICG are trained through.",
    ),
    Program(
        name="sharpen",
        function="generation.diffusion.training.sharpen:sharpen",
        about="Second half of the generator's training: one crisp step that keeps the subject.",
    ),
    Program(
        name="icg",
        function="generation.personalization.icg.train:train_icg",
        about="ICG by rewards alone, over the tables of a finished night.",
    ),
    Program(
        name="pigeon",
        function="generation.personalization.pigeon.training.train:train_pigeon",
        about="Pigeon in three parts: what somebody likes, painting it again, pairs of its own pictures.",
    ),
    Program(
        name="pack",
        function="generation.personalization.training.pack_weights:pack_weights",
        about="Pack a generator and an adapter into a byte a weight; says how far their pictures move.",
    ),
    Program(
        name="dppmg-preferences",
        function="generation.personalization.dppmg.train_preferences:train_preferences",
        about="DPPMG's first half: what tells preferences and their codes, over the edges of a finished night.",
    ),
    Program(
        name="dppmg-pictures",
        function="generation.personalization.dppmg.pictures.train:train_pictures",
        about="DPPMG's second half: what codes do to a picture, by rewards.",
    ),
    Program(
        name="titles",
        function="generation.personalization.dppmg.titles.training.train:train_titles",
        about="DPPMG's writer of titles, from the titles that were clicked in a night's log.",
    ),
    Program(
        name="title-tuning",
        function="generation.personalization.dppmg.titles.training.tune:tune_titles",
        about="The writer of titles by reward: for whom which wording is worth most.",
    ),
    Program(name="judge", function="recsys_eval.judge.train:train_judge", about="The judge, which only reports."),
    Program(
        name="encoders",
        function="reward_model.encoders.train:train_encoders",
        about="The projections of the aligned encoder.",
    ),
)

app = make_app("Train what ships. Killed at any time, the same command goes on from its last checkpoint.")
add_programs(app, PROGRAMS)
