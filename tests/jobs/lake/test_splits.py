import hashlib

import pytest

from jobs.lake.splits import HELD_OUT, N_BUCKETS, VALIDATION, bucket, split_of
from jobs.stickers.build_pack import normalise_code
from jobs.stickers.pack import PicturePack


def test_normalised_code_of_the_design():
    assert normalise_code("0023-FE0F-20E3") == "23-20e3"


def test_bucket_is_the_hash_of_the_code():
    # printf 23-20e3 | sha256sum -> ...0a; the last hex digit modulo 8 is the bucket
    digest = hashlib.sha256(b"23-20e3").hexdigest()
    assert bucket("23-20e3") == int(digest[-1], 16) % 8 == 2


@pytest.mark.parametrize("code", ["1f600", "1f355", "1f98a", "23-20e3", "1f1e9-1f1ea"])
def test_split_follows_the_bucket(code):
    expected = {HELD_OUT: "held_out", VALIDATION: "validation"}.get(bucket(code), "train")
    assert split_of(code) == expected


def test_sizes_of_the_splits():
    pack = PicturePack.load()
    sizes = {split: len(pack.codes(split)) for split in ("held_out", "validation", "train")}
    assert sizes == {"held_out": 216, "validation": 182, "train": 1172}
    assert sum(sizes.values()) == len(pack.codes()) == 1570


def test_every_bucket_is_used():
    assert {bucket(code) for code in PicturePack.load().codes()} == set(range(N_BUCKETS))
