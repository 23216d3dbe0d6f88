"""What a receiver with TLS and its clients need: an authority of the tests' own, and its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trustme


@dataclass(frozen=True, kw_only=True)
class Files:
    """PEM files in one folder, which a server and its clients are pointed at."""

    folder: Path

    @property
    def ca(self) -> Path:
        """Whom clients trust, and servers that ask for certificates."""
        return self.folder / "ca.pem"

    @property
    def certificate(self) -> Path:
        """The server's certificate."""
        return self.folder / "server.pem"

    @property
    def key(self) -> Path:
        """The key of the server's certificate."""
        return self.folder / "server.key"

    @property
    def client_certificate(self) -> Path:
        """A client's certificate."""
        return self.folder / "client.pem"

    @property
    def client_key(self) -> Path:
        """The key of the client's certificate."""
        return self.folder / "client.key"

    def settings(self, *, mutual: bool) -> dict[str, Any]:
        """Return `ingest.tls`."""
        files: dict[str, Any] = {"cert_file": self.certificate, "key_file": self.key}
        return files | ({"client_ca_file": self.ca} if mutual else {})


def issue(folder: Path) -> Files:
    """Make a new authority, and sign with it; what was in the folder is replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    files = Files(folder=folder)
    authority = trustme.CA()
    authority.cert_pem.write_to_path(files.ca)
    for made, certificate, key in (
        (authority.issue_cert("localhost", "127.0.0.1"), files.certificate, files.key),
        (authority.issue_cert("ada@example.com"), files.client_certificate, files.client_key),
    ):
        made.private_key_pem.write_to_path(key)
        certificate.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
    return files
