from recsys_eval.comparison.report.document import Document, Figure, Method, Permutation
from recsys_eval.comparison.report.markdown import markdown, table


def figure(**given):
    names = {"section": "figures", "level": "user", "method": "profile", "figure": "gap closed", "users": 5, "items": 2}
    return Figure(**{**names, "value": 0.5, "low": 0.4, "high": 0.6, **given})


def document(figures):
    return Document(
        command="coverlift compare",
        night="2026-03-29",
        seed=1,
        resamples=10,
        painting_seeds=1,
        users={"0": 2, "1-2": 3},
        held_out_users=9,
        items=["a", "b"],
        segments=["s0"],
        methods=[
            Method(
                name="profile",
                method="profile",
                fingerprint="abc",
                megabytes=0,
                parameters=7,
                training_minutes=None,
                trained_by=None,
                pictures=12,
            )
        ],
        figures=figures,
        permutations=[
            Permutation(level="user", method="profile", own=0.2, shuffled=0.1, z=3, p=0.001, shuffles=9, n=5)
        ],
        claims=[],
        notes=["simulated"],
    )


def test_a_page_has_a_table_for_each_part_that_there_is():
    page = markdown(
        document(
            [
                figure(),
                figure(section="paired", against="icg", value=-0.1, p=0.2, p_holm=0.4),
                figure(section="clicks", slice="3-9 clicks"),
                figure(section="noise", slice="random 40%", figure="loss", value=-0.05),
                figure(section="noise", slice="random 40%", against="icg", value=0.07),
                figure(method="profile: nobody", value=-0.01),
                figure(section="panel", figure="edge halo", value=1.25, low=1.1, high=1.5),
                figure(section="mask", figure="mask", slice="random", value=0.71),
                figure(section="titles", method="profile, with title", figure="lift", value=0.2),
                figure(section="titles", method="profile, with title", figure="lift", against="profile", value=0.1),
                figure(section="titles", method="titles", figure="right language", value=0.97),
            ]
        )
    )
    assert "50.0 % [40.0, 60.0]" in page
    assert "| profile | icg | gap closed | -10.0 % [40.0, 60.0] | 0.400 |" in page
    assert "3-9 clicks, 5 users" in page
    assert "| profile, with title | 20.0 % [40.0, 60.0] | 10.0 % [40.0, 60.0] |  |  |  |" in page
    assert "| right language | 97.0 % [40.0, 60.0] |" in page
    assert "random 40%" in page
    assert "| random 40% | profile | icg | 7.0 % [40.0, 60.0] |" in page
    assert "| nobody | -1.0 % [40.0, 60.0] |" in page
    assert "1.250 [1.100, 1.500]" in page
    assert "| profile | random | 0.710 [0.400, 0.600] |" in page
    assert "## Segments" not in page
    assert "0.2000 | 0.1000 | 3.0 | 0.0010" in page


def test_parts_without_figures_are_left_out():
    page = markdown(document([figure()]))
    assert "## By clicks" not in page
    assert "## With false clicks" not in page


def test_a_table_is_markdown():
    assert table(["a", "b"], [["1", "2"]]) == "| a | b |\n| --- | --- |\n| 1 | 2 |"
