import pyarrow as pa
import pytest
from deltalake import write_deltalake

from conf.settings import Settings
from jobs.lake.context import Context
from jobs.lake.schema.features import POSITION_BIAS
from recsys_eval import stage as evaluation
from recsys_eval.judge.judgements import CachedJudge
from recsys_eval.night import Night
from recsys_eval.simulation.measure import measure_world
from tests.support.models.nearest_judge import NearestJudge
from tests.support.worlds.known_world import CUT, DS, ENCODER, KnowingScorer, World
from tests.support.worlds.sticker_night import PARTS, make_sticker_night


def make_night(home, world, spark=None):
    """A night over a world with known truth; log from the cut to ds, and the played day where the world has it."""
    world.write(home / "lake")
    settings = Settings.model_validate(
        {
            "ds": DS,
            "spark": spark or {},
            "ingest": {"source": "files"},
            "reward": {"test_days": (DS - CUT).days},
            "evaluate": {"train_days": 4, "bootstrap": 200, "trees": 30},
        }
    )
    scorer = KnowingScorer(world)
    return Night(ctx=Context(ds=DS, home=home, settings=settings), encoder_id=ENCODER, scorer_of=lambda day: scorer)


@pytest.fixture(scope="session")
def telling_night(tmp_path_factory, spark_settings):
    """Covers matter: treated users really click more on published covers."""
    return make_night(tmp_path_factory.mktemp("telling"), World(matters=True), spark_settings.model_dump())


@pytest.fixture(scope="session")
def idle_night(tmp_path_factory):
    """Covers do not matter at all."""
    return make_night(tmp_path_factory.mktemp("idle"), World(matters=False, seed=6))


@pytest.fixture(scope="session")
def unplayed_night(tmp_path_factory):
    """No day after ds, nothing published, one segment's worth of nothing."""
    return make_night(tmp_path_factory.mktemp("unplayed"), World(played=False, users=80))


@pytest.fixture(scope="session")
def people_night(tmp_path_factory):
    """A small night of stickers with a played day, for what asks about single users."""
    night = make_sticker_night(tmp_path_factory.mktemp("people"), users=160, items_painted=2, played=True)
    bias = [
        {"ds": night.ctx.ds.isoformat(), "position": place, "examination": place**-0.6, "impressions": 100}
        for place in range(1, 11)
    ]
    write_deltalake(night.lake.path("position_bias"), pa.Table.from_pylist(bias, schema=POSITION_BIAS.schema))
    return night


@pytest.fixture(scope="session")
def judge():
    """Recognises pictures by their nearest real drawing."""
    return NearestJudge()


@pytest.fixture(scope="session")
def simulated(tmp_path_factory, judge):
    """What the stickers world says of a night of 30 painted items."""
    night = make_sticker_night(
        tmp_path_factory.mktemp("world"), users=240, items_painted=30, segments_of=6, played=False
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(CachedJudge, "open", classmethod(lambda cls, lake: judge))
        return measure_world(night)


@pytest.fixture(scope="session")
def sticker_night(tmp_path_factory, spark_settings):
    """A small night of the stickers world, with stand-ins for painted covers."""
    made = make_sticker_night(tmp_path_factory.mktemp("stickers"), users=200, items_painted=10, segments_of=3)
    made.ctx.settings = made.ctx.settings.model_copy(update={"spark": spark_settings})
    return made


@pytest.fixture(scope="session")
def evaluated_night(sticker_night):
    """The same, evaluated."""
    evaluation.evaluate(sticker_night, PARTS)
    return sticker_night
