import pytest

from conf import errors


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.CoverliftError, 1),
        (errors.UsageError, 2),
        (errors.MissingTable, 2),
        (errors.Refused, 2),
        (errors.ContractError, 3),
        (errors.CorruptImage, 3),
        (errors.GateError, 4),
        (errors.TryAgainError, 75),
        (errors.NothingToDo, 99),
    ],
)
def test_exit_codes_are_those_of_the_command_line(kind, code):
    assert kind("x").exit_code == code


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.Refused, 422),
        (errors.Conflict, 409),
        (errors.Unknown, 404),
        (errors.Forbidden, 403),
        (errors.NotSaved, 503),
    ],
)
def test_what_the_desk_refuses_has_its_http_status(kind, status):
    assert kind("x").status == status
