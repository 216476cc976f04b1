"""The command ``coverlift``: a file of this folder a group of commands.

Everything that takes long to import is imported by the command that needs it, so that
``coverlift --help`` answers at once.
"""

import os

from jobs.cli import care, data, night, review, simulate, study, train
from jobs.cli.app import make_app
from jobs.cli.programs import add_programs

app = make_app("Paint cover images people want to click, overnight, and measure whether ranking got better.")
world = make_app("Write the built-in stickers world as input files; or look at it.", needs_subcommand=False)
night.add_commands(app, world)
simulate.add_commands(app)
data.add_commands(app)
care.add_commands(app)
add_programs(world, data.WORLD)
add_programs(app, study.COMPARE)
app.add_typer(world, name="world", rich_help_panel="One stage")
app.add_typer(review.app, name="review")
app.add_typer(train.app, name="train")
app.add_typer(study.app, name="study")


def main() -> None:
    """Entry point of the command."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin starve Spark's and Triton's processes
    app()


if __name__ == "__main__":
    main()
