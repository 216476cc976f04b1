import pytest
from pydantic import ValidationError

from conf.review import ReviewSettings


def test_every_reason_has_a_digit_key():
    assert len(ReviewSettings().reasons) <= 9


@pytest.mark.parametrize(
    "given", [{"sample_share": 1.1}, {"double_share": -0.1}, {"lease_minutes": 0}, {"bulk_limit": 0}]
)
def test_values_out_of_range_are_refused(given):
    with pytest.raises(ValidationError, match=next(iter(given))):
        ReviewSettings(**given)


@pytest.mark.parametrize(
    "given",
    [
        {"oidc_issuer": "http://id.example"},
        {"oidc_issuer": "https://id.example?x=1"},
        {"oidc_issuer": "javascript:alert(1)"},
        {"public_url": "review.example"},
        {"hook_url": "file:///etc/passwd"},
        {"oidc_issuer": "https://id.example", "proxy_header": "X-Forwarded-User"},
        {"oidc_role_claim": "groups"},
        {"oidc_roles": {"editors": "king"}},
        {"overdue_hours": 0},
    ],
)
def test_ways_from_and_to_outside_that_will_not_do_are_refused(given):
    with pytest.raises(ValidationError, match=next(iter(given)) if len(given) == 1 else "two ways"):
        ReviewSettings(**given)


def test_an_issuer_has_no_slash_at_its_end():
    assert ReviewSettings(oidc_issuer="https://id.example/realm/").oidc_issuer == "https://id.example/realm"
    assert ReviewSettings(oidc_issuer="http://127.0.0.1:8000/o").oidc_issuer == "http://127.0.0.1:8000/o"
