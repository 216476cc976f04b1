"""Whose account it is that a provider signs in to.

An account is somebody's at the provider by issuer and subject (``accounts.subject``), never by a name that could be
another's tomorrow: connected by a person who was signed in here, or at the first sign-in of an account that a lead made
for the provider, or of somebody new whose group there has a role here.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from conf.errors import Refused
from generation.review.log.schema import accounts, signins
from generation.review.log.sealing.chain import stamp
from generation.review.log.sealing.sealed_facts import note_account
from generation.review.web.accounts import ROLES, Accounts, invited
from generation.review.web.names import checked_name
from generation.review.web.oidc.provider import Identity

PROVIDER = "provider"
"""Who the audit names where a provider's word changed an account."""


class Stranger(Refused):
    """The provider vouches for somebody who may not use this desk."""

    status = 403


def enter(people: Accounts, who: Identity, address: str, now: datetime) -> tuple[str, str]:
    """Sign somebody in; returns the name of the account and the secret of a new session.

    Raises
    ------
    Stranger
        When there is no account for that person, or it is closed.
    """
    role = role_by(who.groups, people.settings.oidc_roles) if people.settings.oidc_role_claim else None
    if people.settings.oidc_role_claim and role is None:
        raise Stranger(
            "You are in no group that may use this desk; whoever keeps the provider's groups can change that."
        )
    with people.database.writing() as connection:
        row = _by(connection, subject=who.subject) or _first_time(connection, people, who, role, now)
        if row.disabled:
            raise Stranger(f"The account {row.name} is closed; a lead opens it again.")
        if role is not None and row.role != role:
            connection.execute(update(accounts).where(accounts.c.name == row.name).values(role=role))
            note_account(connection, row.name, PROVIDER, now)
        attempt = {"name": row.name, "address": address[:100], "at": stamp(now), "was_right": 1}
        connection.execute(insert(signins), [attempt])
    return row.name, people.open_session(row.name, now, provider=True)


def connect(people: Accounts, name: str, who: Identity, now: datetime) -> None:
    """Let whom the provider means sign in as somebody who is signed in here.

    Raises
    ------
    Refused
        When that person is another account's.
    """
    with people.database.writing() as connection:
        other = _by(connection, subject=who.subject)
        if other is not None and other.name != name:
            raise Refused(f"Who you are at the provider signs in as {other.name} already.")
        connection.execute(update(accounts).where(accounts.c.name == name).values(subject=who.subject))
        note_account(connection, name, name, now)


def failed(people: Accounts, address: str, now: datetime) -> None:
    """Count a proof that was none against the address that it came from."""
    with people.database.writing() as connection:
        connection.execute(insert(signins), [{"name": "", "address": address[:100], "at": stamp(now)}])


def role_by(groups: tuple[str, ...], roles: Mapping[str, str]) -> str | None:
    """The highest role that any of the groups has.

    Examples
    --------
    >>> role_by(("staff", "editors"), {"staff": "viewer", "editors": "reviewer"}), role_by((), {"staff": "viewer"})
    ('reviewer', None)
    """
    found = [roles[group] for group in groups if group in roles]
    return max(found, key=lambda role: ROLES.index(role), default=None)


def _first_time(connection: Connection, people: Accounts, who: Identity, role: str | None, now: datetime) -> Any:
    """The account of somebody whom the provider has not signed in before."""
    row = _by(connection, name=who.name)
    if row is None:
        if role is None:
            called = f", who calls you {who.name!r}," if who.name else ""
            raise Stranger(
                f"There is no account for you here. You are signed in at the provider{called} but a lead of this desk "
                "has to add you first."
            )
        checked_name(who.name)
        people.add_without_password(connection, who.name, role, who.subject, now)
        note_account(connection, who.name, PROVIDER, now)
    elif row.subject == invited(people.settings):
        connection.execute(update(accounts).where(accounts.c.name == row.name).values(subject=who.subject))
        note_account(connection, row.name, PROVIDER, now)
    else:
        raise Stranger(
            f"{row.name!r} has an account here that is not connected with you. If it is yours, sign in with its "
            "password and connect it under your name at the top."
        )
    found = _by(connection, subject=who.subject)
    assert found is not None
    return found


def _by(connection: Connection, **column: str) -> Any:
    """The account of that name or subject; None where there is none."""
    name, value = next(iter(column.items()))
    columns = (accounts.c.name, accounts.c.role, accounts.c.disabled, accounts.c.subject)
    return connection.execute(select(*columns).where(accounts.c[name] == value)).first() if value else None
