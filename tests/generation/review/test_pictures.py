import pytest

from conf.errors import Unknown
from generation.review.pictures import media_type, picture
from jobs.lake.images import ImageStore


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n....", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8L", "image/webp"),
        (b"<html>", None),
        (b"", None),
    ],
)
def test_the_first_bytes_decide(data, kind):
    assert media_type(data) == kind


def test_only_whole_pictures_under_their_hash_are_handed_out(tmp_path):
    images = ImageStore(str(tmp_path))
    data = b"GIF89a, nearly"
    sha = images.put(data)
    assert picture(images, sha) == (data, "image/gif")
    for name in ("../secret", "0" * 64, images.put(b"<svg onload=alert(1)>")):
        with pytest.raises(Unknown, match="no such picture"):
            picture(images, name)
    (stored,) = [path for path in tmp_path.rglob(sha) if path.is_file()]
    stored.chmod(0o644)
    stored.write_bytes(b"GIF89a, damaged")
    with pytest.raises(Unknown):
        picture(images, sha)
