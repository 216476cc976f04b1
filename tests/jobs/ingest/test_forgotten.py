from jobs.ingest import stage
from jobs.ingest.forgotten import Forgotten, add_forgotten, read_forgotten, user_hash
from tests.support.worlds.small_input import DS


def entry(user, at="2026-04-01"):
    return Forgotten(sha256=user_hash(user), at=at, models=[], nights=[])


def test_the_first_word_about_a_user_stays(tmp_path):
    assert read_forgotten(tmp_path) == {}
    add_forgotten(tmp_path, [entry("u1")])
    add_forgotten(tmp_path, [entry("u1", at="2027-01-01"), entry("u2")])
    assert read_forgotten(tmp_path) == {user_hash(user): entry(user) for user in ("u1", "u2")}
    assert [path.name for path in tmp_path.iterdir()] == ["forgotten.json"]


def test_a_rerun_of_a_day_brings_nobody_back_not_even_into_quarantine(small_input, make_context, spark_lake):
    made = small_input("jsonl")
    made.write_catalogue()
    rows = [made.impression(number) for number in range(20)]
    made.write_day([*rows, made.impression(21, position=0), made.impression(22, user_id=None)])
    context = make_context(ds=DS, ingest={"source": "files", "format": "jsonl", "max_quarantine_share": 0.5})
    first = stage.run(context)
    assert (first.rows["quarantine"], "forgotten_users_rows" in first.metrics) == (2, False)
    add_forgotten(context.home, [entry("u1")])
    done = stage.run(context)
    assert done.metrics["forgotten_users_rows"] == 5.0  # 1, 6, 11, 16 and the refused 21
    assert (done.rows["impressions"], done.rows["quarantine"]) == (16, 1)
    assert set(context.lake.read("impressions")["user_id"].to_pylist()) == {"u0", "u2", "u3", "u4"}
    (refused,) = context.lake.read("quarantine")["row"].to_pylist()
    assert '"u1"' not in refused
