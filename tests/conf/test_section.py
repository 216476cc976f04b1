import pytest
from pydantic import ValidationError

from conf.section import Section


class Size(Section):
    width: int = 64


def test_a_section_is_immutable():
    with pytest.raises(ValidationError, match="frozen"):
        Size().width = 32


def test_an_unknown_key_is_an_error():
    with pytest.raises(ValidationError, match="widht"):
        Size(widht=32)
