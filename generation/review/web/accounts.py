"""Who may use the desk: accounts with argon2 hashes, roles, sessions, and a limit on wrong passwords."""

import hashlib
import hmac
import secrets
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from conf.errors import Forbidden, Refused
from conf.review import ReviewSettings
from generation.review.log.database import Database
from generation.review.log.schema import accounts, sessions, signins
from generation.review.log.sealing.chain import stamp
from generation.review.log.sealing.sealed_facts import note_account
from generation.review.web.names import checked_name, look_alike

Role = Literal["viewer", "reviewer", "lead"]
ROLES: tuple[Role, ...] = ("viewer", "reviewer", "lead")
"""From the least to the most: a viewer looks, a reviewer decides, a lead also does bulk, people and disputes."""
MIN_PASSWORD = 10
ADDRESS_FACTOR = 4
"""An address may fail so many times as often as a name; whoever signed in from it before passes all the same."""
HASHED_AT_ONCE = 4
"""Passwords that are checked at the same time: each takes 64 MiB."""


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """A signed-in person."""

    name: str
    role: str
    csrf: str
    address: str = ""
    must_change: bool = False
    """A lead set this person's password; it is changed before anything else."""

    def may(self, role: Role) -> bool:
        """Whether the person has this role or one above."""
        return ROLES.index(self.role) >= ROLES.index(role)


class TooMany(Refused):
    """Too many wrong passwords for now."""

    status = 429


class Accounts:
    """Accounts and sessions in the desk's database."""

    def __init__(self, database: Database, settings: ReviewSettings, hasher: PasswordHasher | None = None) -> None:
        self.database = database
        self.settings = settings
        self.hasher = hasher or PasswordHasher()
        self._nobody = self.hasher.hash(secrets.token_hex())
        self._few_at_once = threading.BoundedSemaphore(HASHED_AT_ONCE)

    def any(self) -> bool:
        """Whether there is an account at all."""
        with self.database.reading() as connection:
            return connection.execute(select(accounts.c.name).limit(1)).first() is not None

    def all(self) -> list[Any]:
        """Name, role, disabled and day of each account, by name."""
        columns = (accounts.c.name, accounts.c.role, accounts.c.disabled, accounts.c.created_at)
        with self.database.reading() as connection:
            return list(connection.execute(select(*columns).order_by(accounts.c.name)).all())

    def put(self, name: str, role: str, password: str, now: datetime, *, by: str | None = None) -> None:
        """Add an account, or give a known one this role and password; its sessions end.

        Parameters
        ----------
        name, role, password
            Of the account.
        now
            When.
        by
            Who sets the password; the person must change it at the first sign-in. None: the person itself.

        Raises
        ------
        Refused
            When the name, role or password will not do.
        """
        checked_name(name)
        checked_role(role)
        values: dict[str, Any] = {"role": role, "disabled": 0, **self._own(password)}
        if by is not None and by != name:
            until = stamp(now + timedelta(hours=self.settings.handover_hours))
            values |= {"set_by": by, "handover_until": until, "must_change": 1}
        with self.database.writing() as connection:
            known = connection.execute(update(accounts).where(accounts.c.name == name).values(values)).rowcount
            if not known:
                add(connection, {"name": name, "created_at": stamp(now), **values})
            connection.execute(delete(sessions).where(sessions.c.name == name))
            note_account(connection, name, by or name, now)

    def put_first(self, name: str, password: str, now: datetime) -> None:
        """Make the first account, a lead; of several who try at once one is the first.

        Raises
        ------
        Forbidden
            When there is an account.
        Refused
            When the name or password will not do.
        """
        checked_name(name)
        values = {"role": "lead", **self._own(password)}
        with self.database.writing() as connection:
            if connection.execute(select(accounts.c.name).limit(1)).first() is not None:
                raise Forbidden("This desk has its first account; `coverlift review users add NAME` adds another.")
            add(connection, {"name": name, "created_at": stamp(now), **values})
            note_account(connection, name, name, now)

    def invite(self, name: str, role: str, now: datetime, *, by: str) -> None:
        """Make an account without a password, for whoever the provider signs in first by that name.

        Raises
        ------
        Refused
            When the name or role will not do, or the name is taken.
        """
        checked_name(name)
        checked_role(role)
        with self.database.writing() as connection:
            if connection.execute(select(accounts.c.name).where(accounts.c.name == name)).first() is not None:
                raise Refused(f"{name!r} had an account here: give it a password to open it again.")
            self.add_without_password(connection, name, role, invited(self.settings), now)
            note_account(connection, name, by, now)

    def add_without_password(self, connection: Connection, name: str, role: str, subject: str, now: datetime) -> None:
        """An account whose password nobody knows, for the subject of a provider."""
        nobodys = self.hasher.hash(secrets.token_hex())
        values = {"name": name, "role": role, "password": nobodys, "subject": subject}
        add(connection, {**values, "created_at": stamp(now)})

    def _own(self, password: str) -> dict[str, Any]:
        if len(password) < MIN_PASSWORD:
            raise Refused(f"A password has at least {MIN_PASSWORD} characters.")
        return {"password": self.hasher.hash(password), "must_change": 0}

    def set_role(self, name: str, role: str, now: datetime, *, by: str) -> None:
        """Give an open account another role; the password stays.

        Raises
        ------
        Refused
            When there is no such account or role.
        """
        checked_role(role)
        with self.database.writing() as connection:
            known = update(accounts).where(accounts.c.name == name, accounts.c.disabled == 0)
            if not connection.execute(known.values(role=role)).rowcount:
                raise Refused(f"{name!r} has no open account: a new one needs a password.")
            note_account(connection, name, by, now)

    def change_password(self, name: str, old: str, new: str, address: str, now: datetime) -> str:
        """Change one's own password; every session ends, and the secret of a new one is returned.

        Who set the old one stays written down: it may have been that person who changed it.

        Raises
        ------
        Refused
            When the old password is wrong, or the new one is too short or the old one.
        """
        self.check_password(name, old, address, now)
        if new == old:
            raise Refused("The new password is the old one.")
        values = self._own(new)
        with self.database.writing() as connection:
            connection.execute(update(accounts).where(accounts.c.name == name).values(values))
            connection.execute(delete(sessions).where(sessions.c.name == name))
            note_account(connection, name, name, now)
        return self.open_session(name, now)

    def disable(self, name: str, now: datetime, *, by: str) -> None:
        """Let nobody sign in by that name any more, and end its sessions."""
        with self.database.writing() as connection:
            if not connection.execute(update(accounts).where(accounts.c.name == name).values(disabled=1)).rowcount:
                raise Refused(f"{name!r} has no account.")
            connection.execute(delete(sessions).where(sessions.c.name == name))
            note_account(connection, name, by, now)

    def role_of(self, name: str) -> str | None:
        """Role of a person who may use the desk; None for anybody else."""
        with self.database.reading() as connection:
            query = select(accounts.c.role).where(accounts.c.name == name, accounts.c.disabled == 0)
            return connection.execute(query).scalar()

    def sign_in(self, name: str, password: str, address: str, now: datetime) -> str:
        """Check a password; returns the secret of a new session.

        Raises
        ------
        Refused
            As :meth:`check_password`.
        """
        self.check_password(name, password, address, now)
        return self.open_session(name, now)

    def check_password(self, name: str, password: str, address: str, now: datetime) -> None:
        """Whether a password is a person's; a name that does not exist takes as long as one that does.

        The attempt is written down as a wrong one before the password is looked at, so that of guesses sent at
        once no more are checked than of guesses sent one by one.

        Raises
        ------
        TooMany
            After too many failures for the name, or from an address from which the person never signed in.
        Refused
            When name and password do not belong together.
        """
        attempt = self._attempt(name, address, now)
        with self.database.reading() as connection:
            row = connection.execute(
                select(accounts.c.password).where(accounts.c.name == name, accounts.c.disabled == 0)
            ).first()
        with self._few_at_once:
            right = self._matches(row.password if row else self._nobody, password) and row is not None
        if not right:
            raise Refused("Name and password do not belong together.")
        with self.database.writing() as connection:
            connection.execute(update(signins).where(signins.c.id == attempt).values(was_right=1))

    def _attempt(self, name: str, address: str, now: datetime) -> int:
        """Count an attempt as wrong until it is found right; returns its number."""
        with self.database.writing() as connection:
            self._check_limit(connection, name[:200], address[:100], now)
            row = {"name": name[:200], "address": address[:100], "at": stamp(now)}
            return int(connection.execute(insert(signins).returning(signins.c.id), [row]).scalar_one())

    def _matches(self, known: str, password: str) -> bool:
        try:
            return self.hasher.verify(known, password)
        except (VerificationError, InvalidHashError):
            return False

    def _check_limit(self, connection: Connection, name: str, address: str, now: datetime) -> None:
        since = stamp(now - timedelta(minutes=self.settings.signin_minutes))

        def failed(whose: ColumnElement[bool]) -> int:
            wrong = select(func.count()).select_from(signins).where(whose, signins.c.at > since)
            return int(connection.execute(wrong.where(signins.c.was_right == 0)).scalar_one())

        limit = self.settings.signin_failures
        if failed(signins.c.name == name) < limit:
            if failed(signins.c.address == address) < limit * ADDRESS_FACTOR:
                return
            known = signins.c.name == name, signins.c.address == address, signins.c.was_right == 1
            if connection.execute(select(signins.c.id).where(*known).limit(1)).first() is not None:
                return
        raise TooMany(f"Too many wrong passwords; wait {self.settings.signin_minutes:g} minutes.")

    def open_session(self, name: str, now: datetime, *, provider: bool = False) -> str:
        """A new session of a person, whom a provider may have signed in; returns its secret, kept as a hash only."""
        secret = secrets.token_urlsafe(32)
        row: dict[str, Any] = {"digest": _digest(secret), "name": name, "csrf": secrets.token_urlsafe(32)}
        row["provider"] = int(provider)
        oldest = stamp(now - timedelta(hours=self.settings.session_hours))
        with self.database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.created_at < oldest))
            connection.execute(insert(sessions), [{**row, "created_at": stamp(now), "seen_at": stamp(now)}])
        return secret

    def visitor(self, secret: str, address: str, now: datetime) -> Visitor | None:
        """Whose session it is; None when it is unknown, too old or idle for too long."""
        idle = stamp(now - timedelta(minutes=self.settings.idle_minutes))
        oldest = stamp(now - timedelta(hours=self.settings.session_hours))
        query = (
            select(
                *(sessions.c[name] for name in ("name", "csrf", "seen_at", "provider")),
                accounts.c.role,
                accounts.c.must_change,
            )
            .join(accounts, accounts.c.name == sessions.c.name)
            .where(sessions.c.digest == _digest(secret), accounts.c.disabled == 0)
            .where(sessions.c.created_at > oldest, sessions.c.seen_at > idle)
        )
        with self.database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        if row.seen_at < stamp(now - timedelta(minutes=self.settings.idle_minutes / 10)):
            with self.database.writing() as connection:
                seen = update(sessions).where(sessions.c.digest == _digest(secret)).values(seen_at=stamp(now))
                connection.execute(seen)
        must_change = bool(row.must_change) and not row.provider
        return Visitor(name=row.name, role=row.role, csrf=row.csrf, address=address, must_change=must_change)

    def close_session(self, secret: str) -> None:
        """Sign out."""
        with self.database.writing() as connection:
            connection.execute(delete(sessions).where(sessions.c.digest == _digest(secret)))


def add(connection: Connection, values: dict[str, Any]) -> None:
    """Add an account whose name nobody takes for another's."""
    other = look_alike(values["name"], connection.execute(select(accounts.c.name)).scalars())
    if other is not None:
        raise Refused(f"{values['name']!r} looks like {other!r}, who has an account here: take another name.")
    connection.execute(insert(accounts), [values])


def invited(settings: ReviewSettings) -> str:
    """What stands for the provider's subject in an account whose person it has not signed in yet."""
    return f"{settings.oidc_issuer} "


def checked_role(role: str) -> None:
    """Refuse what is no role.

    Raises
    ------
    Refused
        Which lists the roles.
    """
    if role not in ROLES:
        raise Refused(f"There is no role {role!r}; the roles are {', '.join(ROLES)}.")


def derived_csrf(name: str, secret: bytes) -> str:
    """CSRF token of a person whom a proxy signs in, who has no session here."""
    return hmac.new(secret, name.encode(), hashlib.sha256).hexdigest()


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
