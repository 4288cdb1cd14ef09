"""Who may come in: people with a password, what they may do, and for how long they are known."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, get_args

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy import Engine, delete, insert, select

from kuzushiji.errors import DataError, UsageError, unknown_name
from kuzushiji.serving.tables import sessions, users

Role = Literal["reader", "corrector", "keeper"]
"""Who looks; who also puts pages on the shelf and corrects them; who also takes them off."""

SHORTEST = 10
"""Letters of a password."""
_DAYS = 30
_HASHER = PasswordHasher()
_NOBODYS = _HASHER.hash(secrets.token_hex(8))
"""Is verified where there is no such person, so that both take as long."""


@dataclass(frozen=True)
class Person:
    """Who asks.

    Attributes:
        name: empty for whoever brought the token, or has the machine to themselves.
        role: what they may do.
    """

    name: str
    role: Role

    def may(self, needed: Role) -> bool:
        """Whether they may do what somebody of another role may."""
        roles = get_args(Role)
        return roles.index(self.role) >= roles.index(needed)


class Accounts:
    """The people of a shelf.

    Args:
        engine: of its database.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, name: str, password: str, role: str) -> None:
        """Lets somebody in, or gives them another password and role.

        Raises:
            UsageError: the name or the password is too short, or there is no such role.
        """
        if role not in get_args(Role):
            raise unknown_name("role", role, get_args(Role))
        if not 1 <= len(name.strip()) <= 100:
            raise UsageError("a name has 1 to 100 letters")
        if len(password) < SHORTEST:
            raise UsageError(f"the password is too short to keep anybody out; take {SHORTEST} letters or more")
        with self._engine.begin() as connection:
            connection.execute(delete(users).where(users.c.name == name))
            connection.execute(delete(sessions).where(sessions.c.name == name))
            values = {"name": name, "password": _HASHER.hash(password), "role": role, "added": datetime.now(UTC)}
            connection.execute(insert(users).values(values))

    def remove(self, name: str) -> None:
        """Lets somebody in no more.

        Raises:
            DataError: there is no such person.
        """
        with self._engine.begin() as connection:
            if not connection.execute(delete(users).where(users.c.name == name)).rowcount:
                raise DataError(f"nobody is called {name!r} here")
            connection.execute(delete(sessions).where(sessions.c.name == name))

    def all(self) -> list[Person]:
        """Everybody, by name."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(users.c.name, users.c.role).order_by(users.c.name))
            return [Person(row.name, row.role) for row in rows]

    def check(self, name: str, password: str) -> Person | None:
        """Who has this name and password."""
        with self._engine.connect() as connection:
            row = connection.execute(select(users).where(users.c.name == name)).one_or_none()
        try:
            _HASHER.verify(row.password if row else _NOBODYS, password)
        except (VerificationError, InvalidHashError):
            return None
        return Person(row.name, row.role) if row else None

    def begin(self, person: Person) -> str:
        """What a browser brings from now on to be known."""
        key, until = secrets.token_urlsafe(32), datetime.now(UTC) + timedelta(days=_DAYS)
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.until < datetime.now(UTC)))
            values = {"key": _digest(key), "name": person.name, "role": person.role, "until": until}
            connection.execute(insert(sessions).values(values))
        return key

    def end(self, key: str) -> None:
        """Knows a browser no more."""
        with self._engine.begin() as connection:
            connection.execute(delete(sessions).where(sessions.c.key == _digest(key)))

    def whose(self, key: str) -> Person | None:
        """Who came in with this."""
        valid = (sessions.c.key == _digest(key)) & (sessions.c.until > datetime.now(UTC))
        with self._engine.connect() as connection:
            row = connection.execute(select(sessions.c.name, sessions.c.role).where(valid)).one_or_none()
        return Person(row.name, row.role) if row else None


def proof(key: str) -> str:
    """What a page says besides the cookie when it asks for a change; pages of other sites cannot know it."""
    return hmac.new(key.encode(), b"change", hashlib.sha256).hexdigest()


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
