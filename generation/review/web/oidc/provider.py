"""The OpenID provider as this desk asks it: authorization code flow with PKCE, state and nonce.

OpenID Connect Core 1.0, section 3.1, with RFC 7636 (PKCE, S256) and RFC 9207 (the issuer in the answer).
"""

import secrets
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from conf.errors import Refused, UsageError
from conf.review import ReviewSettings, safe_url

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
"""Signatures with the provider's private key; ``none``, and hashes with a key that two know, are none of them."""
SECONDS = 5.0
"""For an answer of the provider."""
KEPT = 600.0
"""Seconds for which what the provider says about itself is kept."""
LEEWAY = 60
"""Seconds by which its clock and ours may differ."""
SECRET = "COVERLIFT_OIDC_CLIENT_SECRET"  # noqa: S105  (its name)
MAX_SECRET = 1000


class ProviderDown(Refused):
    """The provider does not answer, or not as one."""

    status = 503


class NotProven(Refused):
    """What came back proves nothing."""

    status = 403


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A browser's way to the provider and back."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Whom the provider vouches for."""

    subject: str
    """Issuer and subject: the same person for ever."""
    name: str
    """The claim that names the person here; may be empty."""
    groups: tuple[str, ...] = ()
    """Values of the claim that gives roles."""


def secret_of(settings: ReviewSettings, environment: Mapping[str, str]) -> str | None:
    """The client's secret, from its file or the environment; None for a public client.

    Raises
    ------
    UsageError
        When the file cannot be read.
    """
    if settings.oidc_issuer is None:
        return None
    if settings.oidc_client_secret_file is None:
        return environment.get(SECRET) or None
    try:
        return Path(settings.oidc_client_secret_file).read_text(encoding="utf-8")[:MAX_SECRET].strip() or None
    except OSError as error:
        raise UsageError(f"review.oidc_client_secret_file cannot be read: {error}") from error


class Provider:
    """Asks the provider of the settings; nothing is asked before somebody signs in.

    Parameters
    ----------
    settings
        The desk's.
    secret
        The client's; None is a public client.
    """

    def __init__(self, settings: ReviewSettings, secret: str | None = None) -> None:
        self.settings, self._secret = settings, secret
        self._turn = threading.Lock()
        self._known: tuple[float, dict[str, Any]] | None = None

    @property
    def offered(self) -> bool:
        """Whether there is one."""
        return self.settings.oidc_issuer is not None

    def leave(self, redirect: str) -> tuple[str, Visit]:
        """Where to send a browser that is to come back to ``redirect``, and what is known of it then.

        Raises
        ------
        ProviderDown
            When the provider does not answer.
        """
        visit = Visit(
            state=secrets.token_urlsafe(32), nonce=secrets.token_urlsafe(32), verifier=secrets.token_urlsafe(48)
        )
        with self._session(redirect) as session:
            url, _ = session.create_authorization_url(
                self._about()["authorization_endpoint"],
                state=visit.state,
                nonce=visit.nonce,
                code_verifier=visit.verifier,
            )
        return str(url), visit

    def identify(self, visit: Visit, code: str, redirect: str, issuer: str | None = None) -> Identity:
        """Who came back with a code.

        Parameters
        ----------
        visit
            What :meth:`leave` gave.
        code, issuer
            Of the answer.
        redirect
            As in :meth:`leave`.

        Raises
        ------
        ProviderDown
            When the provider does not answer.
        NotProven
            When the code or the token will not do.
        """
        if issuer is not None and issuer.rstrip("/") != self.settings.oidc_issuer:
            raise NotProven("Another provider answered; sign in again.")
        token = self._exchange(visit, code, redirect)
        claims = self._claims(token, visit)
        group = claims.get(self.settings.oidc_role_claim or "", ())
        name = claims.get(self.settings.oidc_claim)
        if self.settings.oidc_claim == "email" and claims.get("email_verified") is not True:
            name = None
        return Identity(
            subject=f"{self.settings.oidc_issuer} {claims['sub']}",
            name=name if isinstance(name, str) else "",
            groups=tuple(str(each) for each in ([group] if isinstance(group, str) else group)),
        )

    def _session(self, redirect: str) -> OAuth2Session:
        session = OAuth2Session(
            self.settings.oidc_client_id,
            self._secret,
            scope=self.settings.oidc_scope,
            redirect_uri=redirect,
            code_challenge_method="S256",
            token_endpoint_auth_method="client_secret_basic" if self._secret else "none",
        )
        session.max_redirects = 0
        return session

    def _exchange(self, visit: Visit, code: str, redirect: str) -> dict[str, Any]:
        endpoint = self._about()["token_endpoint"]
        try:
            with self._session(redirect) as session:
                found = session.fetch_token(
                    endpoint,
                    grant_type="authorization_code",
                    code=code,
                    code_verifier=visit.verifier,
                    timeout=SECONDS,
                    allow_redirects=False,
                )
        except OAuthError as error:
            raise NotProven(f"The provider refused the sign-in ({_plain(error.error)}); sign in again.") from error
        except (requests.RequestException, ValueError) as error:
            raise self._down() from error
        return dict(found)

    def _claims(self, token: Mapping[str, Any], visit: Visit) -> dict[str, Any]:
        text = token.get("id_token")
        if not isinstance(text, str):
            raise NotProven("The provider sent no proof of who you are; sign in again.")
        try:
            found = self._decoded(text)
            options = {"iss": {"essential": True, "value": self._about()["issuer"]}}
            options["aud"] = {"essential": True, "value": self.settings.oidc_client_id}
            given = {"nonce": visit.nonce, "client_id": self.settings.oidc_client_id}
            if isinstance(token.get("access_token"), str):
                given["access_token"] = token["access_token"]
            claims = CodeIDToken(found.claims, found.header, options, given)
            claims.validate(leeway=LEEWAY)
        except (JoseError, ValueError, TypeError, KeyError) as error:
            raise NotProven("What the provider sent does not prove who you are; sign in again.") from error
        if claims.get("nonce") != visit.nonce or not isinstance(claims.get("sub"), str) or not claims["sub"]:
            raise NotProven("What the provider sent belongs to another sign-in; sign in again.")
        return dict(claims)

    def _decoded(self, text: str) -> jwt.Token:
        """A token whose signature is the provider's; keys that changed meanwhile are asked for once."""
        registry = JWSRegistry(algorithms=list(ALGORITHMS), strict_check_header=False)
        try:
            return jwt.decode(text, self._keys(), registry=registry)
        except InvalidKeyIdError:
            self._known = None
            return jwt.decode(text, self._keys(), registry=registry)

    def _keys(self) -> KeySet:
        return KeySet.import_key_set(self._about()["keys"])

    def _down(self) -> ProviderDown:
        name = self.settings.oidc_name
        return ProviderDown(f"The provider of {name} does not answer; sign in with your password, or try again later.")

    def _about(self) -> dict[str, Any]:
        """What the provider says about itself, with its keys."""
        with self._turn:
            if self._known is None or time.monotonic() - self._known[0] > KEPT:
                self._known = (time.monotonic(), self._ask_about())
            return self._known[1]

    def _ask_about(self) -> dict[str, Any]:
        issuer = self.settings.oidc_issuer or ""
        try:
            found = self._get(f"{issuer}/.well-known/openid-configuration")
            if str(found["issuer"]).rstrip("/") != issuer:
                raise ValueError(f"it calls itself {found['issuer']}")
            wanted = ("authorization_endpoint", "token_endpoint", "jwks_uri")
            places = {name: _endpoint(found[name]) for name in wanted}
            return {"issuer": found["issuer"], **places, "keys": self._get(places["jwks_uri"])}
        except (requests.RequestException, ValueError, KeyError, TypeError) as error:
            raise self._down() from error

    def _get(self, url: str) -> dict[str, Any]:
        answer = requests.get(url, timeout=SECONDS, allow_redirects=False)
        answer.raise_for_status()
        return dict(answer.json())


def _endpoint(url: str) -> str:
    return url if safe_url(url.partition("?")[0]) else ""


def _plain(text: str | None) -> str:
    """An error's name as it may stand on a page."""
    return "".join(char for char in text or "" if char.isalnum() or char in "_ -")[:60] or "no reason given"
