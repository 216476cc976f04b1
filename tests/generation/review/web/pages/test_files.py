"""The offline file is handed out as a download, and what is no file of decisions is refused."""

from tests.generation.review.conftest import rows_of


def test_the_download_is_one_page_with_the_covers_of_the_filter(pages, client):
    status, body, headers = client("ann").get("/export?tab=all&category=objects")
    assert status == 200
    assert headers["content-disposition"] == 'attachment; filename="covers-2026-03-29.html"'
    page = body.decode()
    wanted = [row.category == "objects" for row in rows_of(pages[0])]
    assert [row.cover_id in page for row in rows_of(pages[0])] == wanted
    assert 0 < sum(wanted) < 40


def test_what_is_no_file_of_decisions_is_refused(pages, client):
    before = rows_of(pages[0])
    body = b'--b\r\nContent-Disposition: form-data; name="decisions"; filename="x.json"\r\n\r\nnot json\r\n--b--\r\n'
    sent = {"Content-Type": "multipart/form-data; boundary=b", "X-CSRF-Token": client("ann").csrf}
    assert client("ann").ask("POST", "/import", body, sent)[0] == 422
    assert rows_of(pages[0]) == before
