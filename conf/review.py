"""Settings of the reviewers' desk."""

from ipaddress import ip_network

from pydantic import Field, field_validator

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
    export_limit: int = Field(default=500, ge=1)
    """Covers in one offline file."""
    proxy_header: str | None = None
    """Header in which a proxy names the signed-in person, e.g. ``X-Forwarded-User``; None: local passwords."""
    proxy_addresses: tuple[str, ...] = ()
    """Addresses of that proxy; the header of anybody else is ignored."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of proxies whose ``X-Forwarded-For`` says where a request comes from."""
    hosts: tuple[str, ...] = ()
    """Names under which browsers reach the desk, besides those of this machine."""
    secure_cookies: bool = False
    """Cookies over HTTPS only: set it behind a proxy that speaks HTTPS."""
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
