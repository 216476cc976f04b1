"""What decides whether a stage must run."""

from jobs import fingerprint as fingerprints


def test_the_input_listing_sees_only_what_the_night_may_read(make_context, tmp_path):
    for day in ("2026-03-29", "2026-03-30"):
        place = tmp_path / "input" / "impressions" / f"ds={day}"
        place.mkdir(parents=True)
        (place / "part.parquet").write_bytes(b"12345")
    context = make_context()
    assert fingerprints.input_listing(context) == "impressions/ds=2026-03-29/part.parquet 5"
    files = make_context(ingest={"source": "files"})
    before = fingerprints.input_listing(files)
    assert before.startswith("impressions/ds=2026-03-29/part.parquet 5 1")
    assert fingerprints.input_listing(make_context(home=tmp_path / "elsewhere")) == ""
