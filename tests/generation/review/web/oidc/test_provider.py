"""Tokens that prove nothing, each made with another library than the one that reads them."""

import json
import time

import pytest
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT

from conf.errors import UsageError
from conf.review import ReviewSettings
from generation.review.web.oidc.provider import SECRET, secret_of
from tests.generation.review.web.oidc.conftest import Browser, desk_with_provider, query
from tests.support.desk.openid_provider import SECRET as CLIENT_SECRET

OTHER = JWK.generate(kty="RSA", size=2048)


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    """Behind a proxy that browsers reach under another name; its provider has a key that is the test's as well."""
    roles = {"oidc_role_claim": "groups", "oidc_roles": {"editors": "reviewer"}}
    roles |= {"public_url": "https://review.example"}
    with desk_with_provider(tmp_path_factory.mktemp("oidc"), **roles) as found:
        found.liar.key = json.loads(OTHER.export_public()) | {"kid": OTHER.thumbprint()}
        yield found


def parts(token):
    """Header and claims of a token."""
    read = JWT(jwt=token, check_claims={}, expected_type="JWS")
    read.token.deserialize(token)
    return json.loads(read.token.objects["protected"]), json.loads(read.token.objects["payload"])


def signed(header, claims, key=OTHER):
    token = JWT(header=header, claims=claims)
    token.make_signed_token(key)
    return token.serialize()


def by_another_key(token):
    return signed(*parts(token))


def by_nobody(token):
    from jwcrypto.common import base64url_encode

    header, claims = parts(token)
    return f"{base64url_encode(json.dumps({**header, 'alg': 'none'}))}.{base64url_encode(json.dumps(claims))}."


def by_the_clients_secret(token):
    header, claims = parts(token)
    secret = JWK(kty="oct", k=CLIENT_SECRET.encode().hex())
    return signed({**header, "alg": "HS256"}, claims, secret)


def altered(token):
    head, _, signature = token.split(".")
    from jwcrypto.common import base64url_encode

    return f"{head}.{base64url_encode(json.dumps({**parts(token)[1], 'preferred_username': 'lea'}))}.{signature}"


@pytest.mark.parametrize(
    "forge", [by_another_key, by_nobody, by_the_clients_secret, altered, lambda _: "a.b.c", lambda _: ""]
)
def test_a_token_that_the_provider_did_not_sign_is_refused(desk, forge):
    liar, ann = desk.liar, Browser(desk, "ann")
    back = ann.at_provider(ann.leave())
    liar.forge = forge
    answer = ann.go(back)
    liar.forge = None
    assert answer.status_code == 403
    assert "proof" in answer.text or "prove" in answer.text
    assert ann.me() is None


CHANGES = {
    "expired": {"exp": int(time.time()) - 600, "iat": int(time.time()) - 1200},
    "another audience": {"aud": "another-client"},
    "several, and not issued to us": {"aud": ["coverlift", "another"], "azp": "another"},
    "another issuer": {"iss": "https://evil.example"},
    "another nonce": {"nonce": "x" * 43},
    "no nonce": {"nonce": None},
    "no subject": {"sub": None},
    "an empty subject": {"sub": ""},
    "no end": {"exp": None},
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_signed_token_that_is_not_for_this_sign_in_is_refused(desk, change):
    ann = Browser(desk, "ann")
    back = ann.at_provider(ann.leave())

    def forge(token):
        header, claims = parts(token)
        kept = {name: value for name, value in {**claims, **change}.items() if value is not None}
        return signed({**header, "kid": OTHER.thumbprint()}, kept)

    desk.liar.forge = forge
    answer = ann.go(back)
    desk.liar.forge = None
    assert answer.status_code == 403
    assert ann.me() is None


def test_signed_as_it_should_be_it_is_taken_and_the_group_gives_the_role(desk):
    ann = Browser(desk, "ann")
    back = ann.at_provider(ann.leave())
    desk.liar.forge = lambda token: signed({**parts(token)[0], "kid": OTHER.thumbprint()}, parts(token)[1])
    answer = ann.go(back)
    desk.liar.forge = None
    assert answer.status_code == 303
    assert ann.go(f"{desk.at}/api/me").json()["role"] == "reviewer"


def test_behind_a_proxy_browsers_come_back_to_its_address(desk):
    place = Browser(desk, "ann").leave()
    asked = query(place)
    assert asked["redirect_uri"] == "https://review.example/oidc/callback"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert min(len(asked[name]) for name in ("state", "nonce", "code_challenge")) >= 43


def test_where_the_clients_secret_comes_from(tmp_path):
    (tmp_path / "secret").write_text("from a file\n")
    asked = {"oidc_issuer": "https://id.example"}
    assert secret_of(ReviewSettings(**asked), {}) is None
    assert secret_of(ReviewSettings(**asked), {SECRET: "from outside"}) == "from outside"
    named = ReviewSettings(**asked, oidc_client_secret_file=str(tmp_path / "secret"))
    assert secret_of(named, {SECRET: "from outside"}) == "from a file"
    with pytest.raises(UsageError, match="oidc_client_secret_file"):
        secret_of(ReviewSettings(**asked, oidc_client_secret_file=str(tmp_path / "none")), {})
