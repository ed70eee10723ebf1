"""The compression codecs of Kafka's records, and the Python package that reads each.

A producer compresses each batch, and every consumer must be able to decompress it. The lab installs
the packages of all four codecs; this module says which one a Python lacks nevertheless.

See: Kafka documentation, "Producer Configs", ``compression.type``.
"""

from __future__ import annotations

from typing import Literal, get_args

from kafka import codec

CompressionType = Literal["gzip", "snappy", "lz4", "zstd"]
COMPRESSION_TYPES: tuple[CompressionType, ...] = get_args(CompressionType)
PACKAGES = {"snappy": "python-snappy", "lz4": "lz4", "zstd": "zstandard"}
"""The package of each codec; gzip is in Python's standard library."""

_HAS_CODEC = {
    "gzip": codec.has_gzip,
    "snappy": codec.has_snappy,
    "lz4": codec.has_lz4,
    "zstd": codec.has_zstd,
}


def missing_codecs() -> list[CompressionType]:
    """Return the codecs whose package cannot be imported; none after a complete installation."""
    return [name for name in COMPRESSION_TYPES if not _HAS_CODEC[name]()]
