"""The options of a producer, under kafka-python's names, checked before anything is sent."""

from __future__ import annotations

from typing import Any

import pytest
from sample_readings import make

from labkit.broker import record_codecs
from labkit.core.errors import LabError
from labkit.producer.producer_options import ProducerOptions
from labkit.readings.malformed_values import spoil


def test_the_lab_s_own_way_is_reliable() -> None:
    settings = ProducerOptions().client_settings
    assert settings == {"acks": "all", "enable_idempotence": True}
    assert ProducerOptions().in_words == ""


@pytest.mark.parametrize("acks", [0, 1])
def test_with_fewer_acks_idempotence_is_not_possible(acks: Any) -> None:
    settings = ProducerOptions(acks=acks).client_settings
    assert settings == {"acks": acks, "enable_idempotence": False}
    assert ProducerOptions(acks=acks).asks_for_acks is (acks == 1)


@pytest.mark.parametrize("field", ["facility_id", "sector", "country"])
def test_a_bad_record_has_the_key_of_its_plant(field: Any) -> None:
    options, reading = ProducerOptions(key=field), make()
    assert options.key_of(reading) == getattr(reading, field)
    assert options.key_of(spoil("tombstone", reading)) == getattr(reading, field)


def test_no_key_is_none_but_for_a_tombstone_which_is_nothing_else() -> None:
    options, reading = ProducerOptions(key=None), make()
    assert options.key_of(reading) is None
    assert options.key_of(spoil("empty", reading)) is None
    assert options.key_of(spoil("tombstone", reading)) == reading.facility_id


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"key": "fuel"}, "'facility_id', 'sector', 'country' or None, not 'fuel'"),
        ({"acks": 2}, "not 2"),
        ({"acks": True}, "not True"),
        ({"acks": "1"}, "not '1'"),
        ({"linger_ms": -1}, "from 0 to 30,000, not -1"),
        ({"linger_ms": 1.5}, "whole number of milliseconds"),
        ({"batch_size": 2_000_000}, "from 0 to 1,048,576"),
        ({"compression_type": "zip"}, "'gzip', 'snappy', 'lz4', 'zstd' or None, not 'zip'"),
    ],
)
def test_what_is_impossible_is_told_with_what_is_possible(wrong: Any, words: str) -> None:
    with pytest.raises(LabError, match="must be") as caught:
        ProducerOptions(**wrong)
    assert words in caught.value.what


@pytest.mark.parametrize("name", record_codecs.COMPRESSION_TYPES)
def test_every_codec_is_there(name: record_codecs.CompressionType) -> None:
    assert ProducerOptions(compression_type=name).client_settings["compression_type"] == name


@pytest.mark.parametrize("name", record_codecs.PACKAGES)
def test_a_codec_that_is_missing_is_told_with_its_package(
    name: record_codecs.CompressionType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(record_codecs._HAS_CODEC, name, lambda: False)
    with pytest.raises(LabError, match=f"pip install {record_codecs.PACKAGES[name]}"):
        ProducerOptions(compression_type=name)


def test_a_repr_says_what_differs() -> None:
    options = ProducerOptions(key=None, acks=0, linger_ms=5, compression_type="gzip")
    assert options.in_words == "key=None, acks=0, linger_ms=5, compression_type=gzip"
