import shutil

import pytest
from deltalake import DeltaTable

from conf.errors import UsageError
from conf.settings import GenerationSettings
from generation.personalization.icg.public.store import WEIGHTS
from generation.planning.foreign_feed import demand_fitting_generator, feed_of, refusal, sticker_methods
from generation.planning.stage import rehearse, run
from jobs import doctor
from jobs.lake.context import Context
from tests.support.worlds import tiny

OWN_CHECKPOINT = {"checkpoint": "/models/own"}
ALLOWED = {"allow_sticker_generator": True}


@pytest.fixture(scope="module")
def foreign_home(tiny_home, tmp_path_factory):
    """The tiny lake, in which one item shows a cover of somebody else's."""
    home = shutil.copytree(tiny_home, tmp_path_factory.mktemp("foreign") / "home")
    covers = DeltaTable(str(home / "lake" / "covers"))
    covers.update({"cover_id": f"'{'f' * 64}'"}, predicate="item_id = '1f355' AND is_default")
    return home


@pytest.fixture
def context_of(make_context, tiny_home, foreign_home):
    def make(whose, **sections) -> Context:
        return make_context(ds=tiny.DS, home={"world": tiny_home, "own": foreign_home}[whose], **sections)

    return make


def test_the_bytes_of_default_covers_tell_whose_feed_it_is(context_of, new_lake):
    world, own = feed_of(context_of("world").lake), feed_of(context_of("own", ingest={"source": "stickers"}).lake)
    assert (world.items, world.foreign) == (6, 0)
    assert (own.items, own.foreign) == (6, 1)
    assert feed_of(new_lake).items == 0
    assert refusal(GenerationSettings(), new_lake) == ""


@pytest.mark.parametrize("plan", [run, rehearse])
def test_plan_refuses_to_paint_stickers_for_a_foreign_feed(context_of, plan, reward_model):
    with pytest.raises(UsageError, match=r"1 of 6 items .* profile would paint .*allow_sticker_generator=true") as told:
        plan(context_of("own"))
    assert told.value.exit_code == 2
    assert not context_of("own").lake.exists("generation_plan")


def test_plan_goes_on_where_it_is_allowed_and_in_the_world(context_of, reward_model):
    allowed = context_of("own", generation=ALLOWED)
    demand_fitting_generator(allowed.settings.generation, allowed.lake)
    assert "units" in rehearse(context_of("world")).note


@pytest.mark.parametrize(
    ("generation", "painted"),
    [
        ({}, ["profile"]),
        ({"method": "icg"}, ["icg", "profile"]),
        ({"method": "icg", "beside": ()}, ["icg"]),
        (OWN_CHECKPOINT, []),
    ],
)
def test_methods_over_the_built_in_generator(generation, painted):
    assert sticker_methods(GenerationSettings(**generation)) == painted


def test_a_model_over_public_checkpoints_paints_no_stickers(tmp_path, context_of):
    (tmp_path / WEIGHTS).touch()
    own = GenerationSettings(method="icg", beside=(), adapters={"icg": str(tmp_path)})
    assert sticker_methods(own) == []
    assert refusal(own, context_of("own").lake) == ""
    beside = own.model_copy(update={"beside": ("profile",)})
    assert "profile would paint" in refusal(beside, context_of("own").lake)


def told_by_doctor(context):
    return next(doctor._generator(context.settings, context.home))


def test_the_doctor_says_so_beforehand(context_of):
    refused = told_by_doctor(context_of("own"))
    assert (refused.ok, refused.needed) == (False, True)
    assert "1 of 6 items" in refused.found
    assert "generation.allow_sticker_generator=true" in refused.mend
    assert told_by_doctor(context_of("own", generation=ALLOWED)).ok
    assert told_by_doctor(context_of("world", ingest={"source": "files"})).ok
