"""Settings of the reviewers' desk."""

from ipaddress import ip_network
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, field_validator, model_validator

from conf.section import Section


class ReviewSettings(Section):
    """The reviewers' desk, served by ``coverlift review serve``."""

    database: str | None = None
    """SQLAlchemy URL of the desk's database (``postgresql://...``); None is SQLite under ``HOME/review``."""
    key_file: str | None = None
    """File with the key of the log's hashes, made at the first start; None is ``desk.key`` under ``HOME/review``."""
    required: bool = False
    """Publish nothing unless this night's decisions of people were read from the desk."""
    publish_minutes: float | None = Field(default=None, gt=0)
    """The desk brings decisions into the feed by itself, at most so often; None: somebody starts it."""
    sample_share: float = Field(default=0.05, ge=0, le=1)
    """Share of what the policy approved by itself that people look at."""
    double_share: float = Field(default=0.1, ge=0, le=1)
    """Share of covers that two people decide without seeing each other's answer."""
    reasons: tuple[str, ...] = ("wrong subject", "unclear", "ugly", "unsafe", "brand", "text", "other")
    """Reasons a rejection is given, in the order of their digit keys."""
    lease_minutes: float = Field(default=10, gt=0)
    """How long a cover stays with the reviewer to whom it was shown."""
    overdue_hours: float | None = Field(default=24, gt=0)
    """How long a cover may wait for a person before the queue shows it as overdue; None: for ever."""
    session_hours: float = Field(default=12, gt=0)
    idle_minutes: float = Field(default=60, gt=0)
    """A session ends after so long without a request, and after ``session_hours`` in any case."""
    signin_failures: int = Field(default=5, ge=1)
    """Wrong passwords for a name before sign-in is refused for a while; after four times as many from an address only
    people who signed in from it before may try."""
    signin_minutes: float = Field(default=15, gt=0)
    handover_hours: float = Field(default=24, ge=0)
    """How long a person whose password a lead has set gives no answer on covers that two people decide."""
    bulk_limit: int = Field(default=5000, ge=1)
    """Covers one bulk step may decide."""
    near_duplicate: float = Field(default=0.92, gt=0, le=1)
    """Least cosine between two covers, both of what they show and of how they are drawn, from which the queue stacks
    them."""
    export_limit: int = Field(default=500, ge=1)
    """Covers in one offline file."""
    proxy_header: str | None = None
    """Header in which a proxy names the signed-in person, e.g. ``X-Forwarded-User``; None: local passwords."""
    proxy_addresses: tuple[str, ...] = ()
    """Addresses of that proxy; the header of anybody else is ignored."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies whose ``X-Forwarded-For`` says where a request comes from."""
    oidc_issuer: str | None = None
    """OpenID provider that signs people in beside passwords, e.g. ``https://id.example``; None: passwords only."""
    oidc_client_id: str = "coverlift"
    oidc_client_secret_file: str | None = None
    """File with the client's secret; None: the environment's ``COVERLIFT_OIDC_CLIENT_SECRET``, or a public client."""
    oidc_name: str = "your company account"
    """What the sign-in page calls it."""
    oidc_scope: str = "openid profile email"
    oidc_claim: str = "preferred_username"
    """The claim that names the person here; take one that people cannot choose for themselves at the provider."""
    oidc_role_claim: str | None = None
    """The claim (a text or a list, e.g. ``groups``) that gives roles by ``oidc_roles``; None: leads give them here."""
    oidc_roles: dict[str, Literal["viewer", "reviewer", "lead"]] = Field(default_factory=dict)
    """Value of that claim -> role; of several the highest. Whoever has none of them is not let in."""
    public_url: str | None = None
    """Address under which browsers reach the desk, e.g. ``https://review.example``; None: what a browser asked for."""
    hook_url: str | None = None
    """Address that gets a JSON document (POST) for each new night, mention, assignment, dispute and for overdue covers;
    None: nothing is sent anywhere."""
    hook_command: tuple[str, ...] = ()
    """Program with its arguments that gets the same document on its standard input; with ``hook_url`` both do."""
    hosts: tuple[str, ...] = ()
    """Names under which browsers reach the desk, besides those of this machine."""
    secure_cookies: bool = False
    """Cookies over HTTPS only: set it behind a proxy that speaks HTTPS."""
    fonts: tuple[str, ...] = ()
    """Font files (TrueType, OpenType) for signs in the PDF of a cover that DejaVu Sans and Noto Sans JP lack."""
    thumbnail: tuple[int, int] = (64, 64)
    card: tuple[int, int] = (160, 120)
    hero: tuple[int, int] = (320, 160)
    """Width and height in CSS pixels of the feed's three places."""

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for each in given:
            ip_network(each, strict=False)
        return given

    @field_validator("hook_url")
    @classmethod
    def _web_address(cls, given: str | None) -> str | None:
        if given is not None and (urlsplit(given).scheme not in ("http", "https") or not urlsplit(given).hostname):
            raise ValueError(f"{given!r} is no http:// or https:// address")
        return given

    @field_validator("oidc_issuer", "public_url")
    @classmethod
    def _addresses(cls, given: str | None) -> str | None:
        return None if given is None else safe_url(given).rstrip("/")

    @model_validator(mode="after")
    def _one_way_from_outside(self) -> Self:
        if self.oidc_issuer and self.proxy_header:
            raise ValueError("oidc_issuer and proxy_header are two ways to sign in from outside: set one of them")
        if self.oidc_role_claim and not self.oidc_roles:
            raise ValueError("oidc_role_claim needs oidc_roles, else nobody is let in")
        return self


LOOPBACK = ("127.0.0.1", "localhost", "::1")


def safe_url(url: str) -> str:
    """An address with HTTPS, or on this machine.

    Raises
    ------
    ValueError
        For any other.

    Examples
    --------
    >>> safe_url("https://id.example/realm"), safe_url("http://127.0.0.1:8000")
    ('https://id.example/realm', 'http://127.0.0.1:8000')
    """
    parts = urlsplit(url)
    local = parts.scheme == "http" and parts.hostname in LOOPBACK
    if not parts.hostname or not (parts.scheme == "https" or local) or parts.query or parts.fragment:
        raise ValueError(f"{url!r} is no https:// address (http:// is for this machine only)")
    return url
