"""What makes the log evidence: a key outside the database, and a note outside it of how far the log went.

Hashes are HMAC-SHA-256 (RFC 2104) under a key in a file that only the desk's account can read: who can write to the
database alone can rewrite a chain of plain hashes whole, but not one of these. The witness is a small file beside the
key that holds the newest number and hash of each chain, so that an end that was cut off, or a database that was put
back to an older state, is found before the lake has seen it.
"""

import hashlib
import hmac
import json
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from conf.errors import GateError, UsageError

CHAINS = ("decisions", "audit")
LINE = re.compile(r"(\w+) +(\d{12}) ([0-9a-f]{64})")
WIDTH = 9 + 1 + 12 + 1 + 64 + 1
"""Bytes of a chain's line in the witness: a line is written in place, in one piece."""


@dataclass
class Seal:
    """The key and the witness of a desk; without a key nothing can be written or verified."""

    path: Path
    """The key's file; the witness is beside it."""
    secret: bytes = field(default=b"", repr=False)

    @property
    def witness(self) -> Path:
        """The witness's file."""
        return self.path.with_name(self.path.name + ".head")

    def make(self) -> None:
        """Make a key that nobody else on the machine can read; one that is there is taken.

        Raises
        ------
        UsageError
            When the file cannot be made or is no key.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = json.dumps({"coverlift_desk_key": secrets.token_hex(32)})
        try:
            handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return self.load()
        except OSError as error:
            raise UsageError(f"review.key_file {self.path} cannot be made: {error.strerror}") from error
        with os.fdopen(handle, "w") as stream:
            stream.write(text + "\n")
            stream.flush()
            os.fsync(stream.fileno())
        self.load()

    def load(self) -> None:
        """Read the key.

        Raises
        ------
        UsageError
            When there is none, or the file is no key.
        """
        try:
            found = json.loads(self.path.read_text(encoding="utf-8"))["coverlift_desk_key"]
            secret = bytes.fromhex(found)
        except FileNotFoundError as error:
            raise UsageError(
                f"The desk's log was written under a key that is not in {self.path}: put the key file back, or name it "
                "with review.key_file."
            ) from error
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UsageError(f"review.key_file {self.path} is no key of a desk: {error}") from error
        if len(secret) < 16:
            raise UsageError(f"review.key_file {self.path} is no key of a desk: it is too short.")
        self.secret = secret

    def mac(self, chain: str, text: str) -> str:
        """HMAC-SHA-256 of a text as part of a chain, in hexadecimal."""
        return hmac.new(self.secret, f"{chain}\n{text}".encode(), hashlib.sha256).hexdigest()

    def saw(self, heads: dict[str, tuple[int, str]]) -> None:
        """Note the newest number and hash of chains that a commit wrote to."""
        if not heads:
            return
        handle = os.open(self.witness, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            for chain, (number, digest) in heads.items():
                line = f"{chain:9} {number:012d} {digest}\n".encode()
                os.pwrite(handle, line, CHAINS.index(chain) * WIDTH)
        finally:
            os.close(handle)

    def seen(self) -> dict[str, tuple[int, str]]:
        """The newest number and hash of each chain that a commit was noted of.

        Raises
        ------
        GateError
            When the witness cannot be read.
        """
        try:
            text = self.witness.read_bytes().replace(b"\x00", b" ").decode()
        except FileNotFoundError:
            return {}
        except (OSError, UnicodeDecodeError) as error:
            raise GateError(
                f"{self.witness}, which says how far the desk's log went, cannot be read: {error}"
            ) from error
        return {name: (int(number), digest) for name, number, digest in LINE.findall(text)}
