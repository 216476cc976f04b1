import zipfile

import pytest

from conf.errors import ContractError, UsageError
from jobs.ingest.importers.reading import Table, find, read_lines, read_rows


def lines_of(path, names, **given):
    parts = list(read_lines(Table(path), names, **given))
    rows = [row for part in parts for row in part.frame.rows()]
    return rows, [line for part in parts for line in part.broken]


def test_files_are_found_in_the_folder_below_it_and_in_archives(tmp_path):
    (tmp_path / "inner").mkdir()
    for name in ("b.csv", "inner/a.csv", ".hidden.csv"):
        (tmp_path / name).write_text("x\n")
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        archive.writestr("deep/er/c.csv", "x\n")
    found = find(tmp_path, "a.csv", "*.csv")
    assert [(table.path.name, table.member) for table in found] == [("a.csv", None), ("b.csv", None)]
    (archived,) = find(tmp_path, "c.csv")
    assert (archived.path.name, archived.member) == ("set.zip", "deep/er/c.csv")
    assert find(tmp_path, "d.csv", optional=True) == []
    with pytest.raises(UsageError, match=r"has no d.csv: is this the folder"):
        find(tmp_path, "d.csv")


def test_lines_of_other_lengths_and_encodings_are_kept_apart(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b'\xef\xbb\xbfb,a,more\r\n1,2,x\r\n1,2\r\n\r\n"3",\xff,y\r\n5,6,7,8\r\n9,\xc3\xa4,z\r\n')
    rows, broken = lines_of(path, ["a", "b"])
    assert rows == [("2", "1"), ("\u00e4", "9")]
    assert sorted(broken) == ["1,2", "5,6,7,8", "\ufffd,3"]


@pytest.mark.parametrize(
    ("text", "header", "rows"),
    [
        ("1,2\n", "maybe", [("1", "2")]),
        ("a,b\n1,2\n", "maybe", [("1", "2")]),
        ("x,2\n", "bare", [("x", "2")]),
        ("b,a\n1,2\n", "named", [("2", "1")]),
    ],
)
def test_a_header_is_known_by_what_the_set_promises(tmp_path, text, header, rows):
    (tmp_path / "log.csv").write_text(text)
    assert lines_of(tmp_path / "log.csv", ["a", "b"], header=header)[0] == rows


def test_a_foreign_header_is_another_file(tmp_path):
    (tmp_path / "log.csv").write_text("x,y\n1,2\n")
    for header in ("maybe", "named"):
        with pytest.raises(UsageError, match="begins with x, y: expected the columns a, b"):
            lines_of(tmp_path / "log.csv", ["a", "b"], header=header)


def test_what_cannot_be_read_names_itself(tmp_path):
    path = tmp_path / "log.csv"
    path.write_bytes(b"\xff\xfea\x00")
    with pytest.raises(ContractError, match="is no text in UTF-8"):
        lines_of(path, ["a"])
    with pytest.raises(ContractError, match=r"gone.csv cannot be read"):
        lines_of(tmp_path / "gone.csv", ["a"])
    path.write_text('item,title\n1,"' + "x" * 200_000)
    with pytest.raises(ContractError, match=r"log.csv cannot be parsed, line 2 .*field larger"):
        list(read_rows(Table(path), ["item", "title"]))


def test_rows_of_items_have_line_breaks_in_quotes_and_commas_in_the_last_column(tmp_path):
    path = tmp_path / "items.csv"
    path.write_bytes(b'item,title\n1,"two\nlines"\n2,a, b\n3\n4,\xff\n\n')
    (found,) = read_rows(Table(path), ["item", "title"])
    assert found.frame.rows() == [("1", "two\nlines"), ("2", "a, b"), ("4", "\ufffd")]
    assert found.broken == ["3"]
