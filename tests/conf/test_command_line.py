"""Options of a command from a dataclass, and the command told from its values."""

from dataclasses import MISSING, dataclass, field
from pathlib import Path

from conf.command_line import built, options_of, told


@dataclass(frozen=True, kw_only=True)
class Inner:
    """Opened in its place."""

    learning_rate: float = 0.1
    """Step of the
    optimiser, ``> 0``."""
    hidden: int = 3


@dataclass(frozen=True, kw_only=True)
class Outer:
    """A command's options."""

    home: Path
    """Where."""
    readers: tuple[Path, ...] = ()
    inner: Inner = field(default=Inner(learning_rate=0.2), metadata={"fixed": ("hidden",)})
    quick: bool = False
    minutes: float = 5.0


def test_a_dataclass_within_is_opened_but_for_what_it_fixes():
    found = {option.name: option for option in options_of(Outer)}
    assert list(found) == ["home", "readers", "learning_rate", "quick", "minutes"]
    assert found["home"].default is MISSING
    assert found["home"].about == "Where."
    assert (found["learning_rate"].flag, found["learning_rate"].default) == ("--learning-rate", 0.2)
    assert found["learning_rate"].about == "Step of the optimiser, > 0."
    assert found["quick"].about == ""


def test_what_is_given_is_set_and_the_rest_keeps_its_default():
    options = built(Outer, {"home": Path("var"), "learning_rate": 0.5})
    assert options == Outer(home=Path("var"), inner=Inner(learning_rate=0.5))
    assert built(Outer, {"home": Path("var")}).inner == Inner(learning_rate=0.2)


def test_a_command_is_told_without_folders_defaults_and_what_decides_no_weights():
    options = Outer(
        home=Path("/secret/var"),
        readers=(Path("/a/one"), Path("/b/two")),
        inner=Inner(learning_rate=0.5),
        quick=True,
        minutes=9.0,
    )
    words = "coverlift train x --home var --readers one --readers two --learning-rate 0.5 --quick"
    assert told("coverlift train x", options) == words
    assert told("coverlift train x", Outer(home=Path("var"))) == "coverlift train x --home var"
