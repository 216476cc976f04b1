"""What the desk's Publish does: the night's own stages, on a real lake."""

import pyarrow as pa
import pytest

from benchmarks import made_up_night
from conf.errors import GateError
from conf.review import ReviewSettings
from generation.review.log import decisions
from generation.review.log.database import open_database
from generation.review.log.decisions import Decision
from jobs.cli.night import How, run_night
from jobs.cli.review import _publishing
from jobs.lake.schema.covers import GENERATED_COVERS
from jobs.stages import STAGES
from tests.generation.review.conftest import NOW, rows_of
from tests.generation.review.log.test_sync import generated
from tests.support.runs.command import call


def test_the_command_refuses_while_the_desk_is_ahead_and_the_desks_publish_syncs_first(make_context):
    ctx = make_context()
    database = open_database(None, ctx.home)
    made_up_night.fill(database, 2, images=ctx.images, candidates=1)
    rows = rows_of(database)
    covers = [{**generated(row), "rewards": [("nsfw", 0.1)]} for row in rows]
    ctx.lake.replace(pa.Table.from_pylist(covers, GENERATED_COVERS.schema), "generated_covers", ds=made_up_night.DS)
    for row, kind in zip(rows, ("approve", "reject"), strict=True):
        wish = Decision(case_id=row.id, kind=kind, by="ann", seen=0, reason="ugly")
        decisions.decide(database, wish, ReviewSettings().reasons, NOW)
    stage = next(stage for stage in STAGES if stage.name == "publish")
    with pytest.raises(GateError, match="2 decisions of people"):
        run_night(ctx, (stage,), How())
    publish = _publishing(ctx)
    assert publish(ctx.ds) == "Published: 1 covers are in the feed."
    assert ctx.lake.read("published_covers")["cover_id"].to_pylist() == [rows[0].cover_id]
    assert publish(ctx.ds) == "The feed was up to date."
    database.close()


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--export", "a.html"], "coverlift review export FILE"),
        (["--home", "x", "--add-user", "ann"], "coverlift review users add NAME"),
        (["--port", "80"], "coverlift review serve --port 80"),
    ],
)
def test_options_of_the_desk_before_it_had_subcommands_say_what_they_are_now(arguments, hint):
    done = call("review", *arguments)
    assert done.exit_code == 2
    assert hint in done.output
