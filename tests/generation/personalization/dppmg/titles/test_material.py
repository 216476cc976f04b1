import pytest

from conf.errors import UsageError
from generation.personalization.dppmg.titles.material import read_material
from jobs.lake.splits import split_of
from tests.support.worlds.samples import sample


def test_groups_and_labels_are_of_the_feed(material):
    assert material.languages == ["de", "en"]
    assert material.groups[0] == "en:0"
    assert material.groups[41] == "de:1"
    assert set(material.labels()["de"]) == {
        one.labels["de"] for item, one in material.content.items() if split_of(item) == "train"
    }
    assert {split_of(one.item_id) for one in material.of_split("train")} == {"train"}


def test_a_feed_without_labels_is_refused(make_context):
    context = make_context()
    context.lake.replace(sample("items", labels=None), "items")
    with pytest.raises(UsageError, match="fill `labels`"):
        read_material(context)
