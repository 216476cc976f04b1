from generation.personalization.dppmg.titles.choosing import write_titles


class Scripted:
    """Writes what it was given."""

    def __init__(self, titles):
        self.titles = titles

    def write(self, asked, *, samples, seed):
        return [self.titles[one.content.item_id, one.codes[0]] for one in asked]


def test_the_best_that_passes_is_kept_and_else_the_plain_title(material, content):
    titles = {
        ("fox", 0): ["fox: red", "Say hello to: fox!", "Say hello to: cat!"],
        ("fox", 1): ["fox: red", "Say hello to: fox!", "fox"],
        ("cheese", 0): ["cheddar", "<b>cheese</b>", "cheese?\ufffd"],
        ("cheese", 1): ["cheddar", "cheese", "cheese"],
    }
    found = write_titles(
        Scripted(titles), material.reward, [content["fox"], content["cheese"]], ["en:0", "en:1"], samples=2, seed=0
    )
    assert [[one.title for one in row] for row in found] == [
        ["Say hello to: fox!", "fox: red"],
        ["cheese", "cheese"],
    ]
    assert [[one.chosen for one in row] for row in found] == [[1, 0], [None, 1]]
    assert [[one.first_passed for one in row] for row in found] == [[True, True], [False, False]]


def test_an_untrained_writer_is_never_published_but_for_what_passes(writer, material, content):
    (row,) = write_titles(writer, material.reward, [content["fox"]], ["en:0", "de:1"], samples=1, seed=0)
    assert [len(one.candidates) for one in row] == [2, 2]
    for one, label in zip(row, ("fox", "Fuchs"), strict=True):
        assert one.title == label or not one.judged[one.chosen].failed
