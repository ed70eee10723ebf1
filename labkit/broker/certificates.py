"""TLS certificates for brokers on this machine, as PEM files that Kafka and clients read.

trustme makes the authority (CA) and signs with it. A company's CA does the same, and keeps its key
in a safe place; the lab's CA is in the memory of the process that made it, and nowhere else.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from labkit.broker.security_properties import write_private_text

if TYPE_CHECKING:
    from trustme import LeafCert


def write_pair(path: Path, leaf: LeafCert, password: str = "") -> None:
    """Write a certificate with its chain, its private key, and both in one file.

    The files are ``path`` with the suffixes ``.pem``, ``.key`` and ``.both.pem``. The last one is
    what Kafka calls a key store. Only their owner can read the two with the key.

    See: KIP-651 (PEM files), which asks for a key in the form PKCS#8.
    """
    from cryptography.hazmat.primitives import serialization as pem  # takes a third of a second

    chain = b"".join(one.bytes() for one in leaf.cert_chain_pems)
    key = pem.load_pem_private_key(leaf.private_key_pem.bytes(), None)
    locked = pem.BestAvailableEncryption(password.encode()) if password else pem.NoEncryption()
    text = key.private_bytes(pem.Encoding.PEM, pem.PrivateFormat.PKCS8, locked)
    path.with_suffix(".pem").write_bytes(chain)
    write_private_text(path.with_suffix(".key"), text.decode())
    write_private_text(path.with_suffix(".both.pem"), (text + chain).decode())


def listener_properties(listener: str, key_store: Path, authority: Path) -> dict[str, str]:
    """Return what a listener with TLS needs in ``server.properties``.

    Parameters
    ----------
    listener : str
        Its name, such as ``CLIENTS``.
    key_store : Path
        The broker's certificate and its key, in one file.
    authority : Path
        The certificate of the authority that the broker trusts, as a client of itself, too.
    """
    prefix = f"listener.name.{listener.lower()}.ssl"
    return {
        f"{prefix}.keystore.type": "PEM",
        f"{prefix}.keystore.location": str(key_store),
        f"{prefix}.truststore.type": "PEM",
        f"{prefix}.truststore.location": str(authority),
    }
