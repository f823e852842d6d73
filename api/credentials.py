"""Credentials of a party in a file: who signs and with which key; readable by its owner alone."""

from __future__ import annotations

import json
import os
import secrets
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.client import Credentials
from audit.keys import PrivateKey, public_key_of
from audit.statements import make_possession
from domain.errors import Invalid

FILE_MODE = 0o600
FOLDER_MODE = 0o700


@dataclass(frozen=True, slots=True)
class CredentialsFile:
    """What the file holds: the ledger's origin and one party's credentials."""

    origin: str
    credentials: Credentials


def new_key() -> tuple[str, Ed25519PrivateKey]:
    """Make a key: its random name and the private key."""
    return f"key:{uuid.uuid4()}", Ed25519PrivateKey.generate()


def registration(origin: str, holder: str, name: str, private: PrivateKey, issued_at: int) -> dict[str, Any]:
    """Give what a registry wants of a new key: id, public JWK, proof of possession."""
    public = dict(public_key_of(private).jwk)
    return {
        "id": name,
        "public": public,
        "proof": make_possession(private, name, origin=origin, holder=holder, iat=issued_at),
    }


def save(path: Path, origin: str, credentials: Credentials) -> None:
    """Write the file, never wider than 0600, whole or not at all even if the power goes; its folder is made 0700."""
    made = [each for each in path.parents if not each.exists()]
    path.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    private = credentials.private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    text = json.dumps(
        {
            "origin": origin, "party": credentials.party, "agent": credentials.agent, "key": credentials.key,
            "private": private.decode(),
        },
        indent=1,
    )  # fmt: skip
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE), "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    for named in (path.parent, *(each.parent for each in made)):
        folder = os.open(named, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def load(path: Path) -> CredentialsFile:
    """Read the file.

    Raises Invalid `credentials_missing`, `credentials_open` (others may read it) or `credentials_bad`.
    """
    if not path.is_file():
        raise Invalid(f"there are no credentials at {path}", code="credentials_missing")
    if path.stat().st_mode & 0o077:
        raise Invalid(f"{path} can be read by others: chmod 600 it", code="credentials_open")
    try:
        held = json.loads(path.read_text())
        private = serialization.load_pem_private_key(held["private"].encode(), None)
        if not isinstance(private, Ed25519PrivateKey | EllipticCurvePrivateKey):
            raise TypeError
        who = Credentials(held["party"], held["key"], private, held["agent"])
        return CredentialsFile(held["origin"], who)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Invalid(f"{path} holds no credentials", code="credentials_bad") from error
