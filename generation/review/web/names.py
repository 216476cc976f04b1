"""Names of accounts: what can stand in a log, and which two would be taken for each other.

The skeleton follows the idea of Unicode Technical Standard 39, section 4: compatibility forms and case are folded and
every sign becomes one that stands for all that look like it (``confusable-homoglyphs`` has Unicode's table).
"""

import unicodedata
from collections.abc import Iterable

from confusable_homoglyphs.confusables import confusables_data

from conf.errors import Refused


def checked_name(name: str) -> str:
    """A name that can stand in a log.

    Raises
    ------
    Refused
        When it is empty, too long, has other than letters, digits and ``._@-``, or is not in Unicode's form NFKC.
    """
    if not 1 <= len(name) <= 64 or not all(char.isalnum() or char in "._@-" for char in name):
        raise Refused("A name has up to 64 letters, digits or . _ @ - and no spaces.")
    if unicodedata.normalize("NFKC", name) != name:
        raise Refused(f"A name has plain letters: {unicodedata.normalize('NFKC', name)!r} instead of {name!r}.")
    return name


def skeleton(name: str) -> str:
    """What is left of a name when all that looks alike is one.

    Examples
    --------
    >>> skeleton("ann") == skeleton("Ann") == skeleton("аnn")  # the last begins with a Cyrillic letter
    True
    >>> skeleton("bill") == skeleton("bi1I"), skeleton("ann") == skeleton("anna")
    (True, False)
    """
    folded = unicodedata.normalize("NFKD", name)
    for _ in range(2):
        folded = "".join(_standing_for(char) for char in folded).casefold()
    return "".join(char for char in folded if not unicodedata.combining(char))


def _standing_for(char: str) -> str:
    """One sign, or two as in ``rn``, for everything that looks like it: ASCII where there is one."""
    alike = [str(each["c"]) for each in confusables_data.get(char, ())]
    plain = sorted(each for each in (char, *alike) if each.isascii() and each.isalnum())
    if not plain:
        return char
    longest = max(plain, key=len)
    return longest if len(longest) > 1 and longest.isalpha() else plain[-1]


def look_alike(name: str, names: Iterable[str]) -> str | None:
    """Another of the names that would be taken for this one."""
    mine = skeleton(name)
    return next((other for other in names if other != name and skeleton(other) == mine), None)
