from datetime import date

import pytest
import yaml

from conf.errors import UsageError
from conf.load import PROFILES, dump_settings, known_keys, load_settings
from conf.settings import Settings


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch):
    monkeypatch.delenv("COVERLIFT_PROFILE", raising=False)


def test_the_local_profile_is_the_defaults():
    assert load_settings() == Settings()


@pytest.mark.parametrize("name", sorted(path.stem for path in PROFILES.glob("*.yaml")))
def test_every_profile_loads_under_its_name(name):
    assert load_settings(profile=name).profile == name


def test_profiles_say_what_they_are_for():
    assert load_settings(profile="test").features.segment_candidates == (2, 3)
    cluster = load_settings(profile="cluster")
    assert cluster.spark.packages.startswith("io.delta:delta-spark_2.13:4.0.0")
    assert cluster.generation.backend == "triton"


def test_later_wins_key_by_key(tmp_path, monkeypatch):
    config = tmp_path / "mine.yaml"
    config.write_text("world: {users: 200, days: 20, page: 5, seed: 1}\n")
    monkeypatch.setenv("COVERLIFT_WORLD__DAYS", "21")
    monkeypatch.setenv("COVERLIFT_WORLD__PAGE", "6")
    world = load_settings(profile="test", config=config, overrides=["world.page=7"]).world
    assert (world.impressions, world.users, world.seed, world.days, world.page) == (6000, 200, 1, 21, 7)


def test_values_are_read_as_yaml(monkeypatch):
    monkeypatch.setenv("COVERLIFT_FEATURES__SEGMENT_CANDIDATES", "[3, 5]")
    monkeypatch.setenv("COVERLIFT_DS", "2026-03-20")
    found = load_settings(overrides=["generation.urls=[a:1, b:2]", "lake.tables_url=null", "spark.conf={x.y: z}"])
    assert found.features.segment_candidates == (3, 5)
    assert (found.ds, found.generation.urls) == (date(2026, 3, 20), ("a:1", "b:2"))
    assert (found.lake.tables_url, found.spark.conf) == (None, {"x.y": "z"})


def test_the_environment_names_the_profile_unless_it_is_asked_for(monkeypatch):
    monkeypatch.setenv("COVERLIFT_PROFILE", "test")
    assert load_settings().profile == "test"
    assert load_settings(profile="local").profile == "local"


@pytest.mark.parametrize(
    ("override", "nearest"),
    [
        ("world.user=3", "world.users"),
        ("wrold.users=30", "world.users"),
        ("steps=3", "generation.steps"),
        ("generation.max_unit=3", "generation.max_units"),
    ],
)
def test_an_unknown_key_names_the_nearest_known_one(override, nearest):
    with pytest.raises(UsageError, match=f"did you mean '{nearest}'") as caught:
        load_settings(overrides=[override])
    assert caught.value.exit_code == 2


def test_unknown_keys_in_the_environment_and_in_files_are_errors(tmp_path, monkeypatch):
    config = tmp_path / "mine.yaml"
    config.write_text("policy: {max_nfsw: 0.5}\n")
    with pytest.raises(UsageError, match=r"'policy.max_nfsw'; did you mean 'policy.max_nsfw'"):
        load_settings(config=config)
    monkeypatch.setenv("COVERLIFT_WROLD__USERS", "50")
    with pytest.raises(UsageError, match=r"COVERLIFT_WROLD__USERS.*'world.users'"):
        load_settings()


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("world.users=few", r"world.users: input should be a valid integer.*'few'"),
        ("world.users=3", r"world.users: input should be greater than or equal to 20, not 3"),
        ("generation.backend=cloud", r"generation.backend: input should be 'triton-local'.*'cloud'"),
        ("world", r"not of the form section.key=value"),
        ("world.=3", r"not of the form section.key=value"),
    ],
)
def test_a_bad_value_names_its_key(override, complaint):
    with pytest.raises(UsageError, match=complaint):
        load_settings(overrides=[override])


@pytest.mark.parametrize(("text", "complaint"), [("- a\n", "not a list"), ("a: [", "is no YAML")])
def test_a_config_file_must_be_a_yaml_mapping(tmp_path, text, complaint):
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(UsageError, match=complaint):
        load_settings(config=tmp_path / "bad.yaml")


def test_missing_files_and_profiles_are_named(tmp_path):
    with pytest.raises(UsageError, match=r"none.yaml cannot be read: No such file"):
        load_settings(config=tmp_path / "none.yaml")
    with pytest.raises(
        UsageError,
        match=r"'lokal'; .* cluster, dppmg-production, .*, pipeline-production, test",
    ):
        load_settings(profile="lokal")


def test_the_dump_reads_back_as_the_same_settings(tmp_path):
    settings = load_settings(profile="test", overrides=["world.seed=5"])
    (tmp_path / "resolved.yaml").write_text(dump_settings(settings))
    assert load_settings(profile="test", config=tmp_path / "resolved.yaml") == settings
    assert yaml.safe_load(dump_settings(settings))["world"]["seed"] == 5


def test_keys_are_unique():
    keys = list(known_keys())
    assert len(keys) == len(set(keys))
    assert {"ds", "reward.epochs", "weights.personal"} <= set(keys)
