"""Names of what is compared, the same in every table, figure and test."""

ORIGINAL = "original"
"""The cover that came with the item, or a ranker that knows no other."""
GENERATED = "generated"
"""A ranker that knows the cover generated for the item and the user's segment."""
PUBLISHED = "published"
"""What the feed shows: covers generated for a segment and published."""
SHUFFLED = "shuffled"
"""Control: another segment's covers."""
ANOTHER = "random drawing"
"""Control: an existing drawing of the same item, drawn at random."""
PLAIN = "unpersonalised"
"""Control: covers painted without any preference."""
LOGGED = "logged order"
"""The order in which the log showed the items: what a ranker has to beat."""
TRUE_ORIGINALS = "truth, originals"
"""Ceiling: the order by true click probability of the original covers (simulated)."""
TRUE_COVERS = "truth, covers"
"""Ceiling: the same by that of the covers that are shown; its lift over the former is attainable (simulated)."""
A_A = "a/a"
"""Control: ``original`` again with other seeds."""
BEST = "best drawing"
"""Ceiling: the existing drawing that a segment truly likes best."""
JUDGED = "best drawing judged"
"""The same drawing as the judge sees it, like a painted cover."""
UNSEEN = "best drawing unseen"
"""The same, its own copy unknown to the judge."""
TITLES = "titles"
"""Written titles, whoever paints the covers above them."""
ALONE = "title alone"
"""The original under the written title."""


def with_title(method: str) -> str:
    """The arm of a method's covers under written titles."""
    return f"{method}, with title"


def chosen_to_agree(method: str) -> str:
    """The arm of the one of a method's paintings that agrees best with the title."""
    return f"{method}, chosen to agree"


def twin(method: str) -> str:
    """Name of a method's frozen twin in the closed loop, which learns nothing after its first night.

    Examples
    --------
    >>> twin("icg")
    'icg-frozen'
    """
    return f"{method}-frozen"


def twin_of(name: str) -> str:
    """The method of a frozen twin's name; another name as it is.

    Examples
    --------
    >>> twin_of("icg-frozen"), twin_of("icg")
    ('icg', 'icg')
    """
    return name.removesuffix("-frozen")
