"""A certificate authority of the tests' own, and what it signs: for brokers and for a client."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)


@dataclass(frozen=True, kw_only=True)
class Certificates:
    """PEM files: whom to trust, the brokers' key and certificates, a client's."""

    ca: Path
    broker: Path
    client_certificate: Path
    client_key: Path


def issue(folder: Path) -> Certificates:
    """Make a new authority and sign with it."""
    folder.mkdir(parents=True)
    files = Certificates(
        ca=folder / "ca.pem",
        broker=folder / "broker.pem",
        client_certificate=folder / "client.pem",
        client_key=folder / "client.key",
    )
    authority = trustme.CA()
    authority.cert_pem.write_to_path(files.ca)
    broker = authority.issue_cert("127.0.0.1", "localhost")
    # Java reads keys as PKCS #8 only.
    key = load_pem_private_key(broker.private_key_pem.bytes(), password=None)
    chain = b"".join(blob.bytes() for blob in broker.cert_chain_pems)
    files.broker.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + chain
    )
    client = authority.issue_cert("client@sessiontrail.test")
    client.private_key_pem.write_to_path(files.client_key)
    for blob in client.cert_chain_pems:
        blob.write_to_path(files.client_certificate, append=True)
    return files
