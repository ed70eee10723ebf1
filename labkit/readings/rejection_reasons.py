"""Say in one sentence why bytes are not a reading: the message of `BadReading`.

pydantic finds the errors and describes them for programmers; a dead letter's reason is read by
people, in a list, months later. So each kind of error has its own words here, and the wrong value
is repeated on one line, shortened.
"""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError

SEEN_CHARACTERS = 60  # how much of a wrong value a message repeats

# No control characters (line breaks, tabs, NUL) and no Unicode line separators: a reading must
# fit one line of a CSV. At least one character must be visible. Any alphabet is welcome.
TEXT = r"^[^\p{Cc}\p{Zl}\p{Zp}]*[^\s\p{Cc}\p{Zl}\p{Zp}][^\p{Cc}\p{Zl}\p{Zp}]*$"
UUID7 = r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$"
COUNTRY = r"^[A-Z]{2}$"
FACTOR_ID = r"^[a-z0-9]+-[a-z0-9+-]+$"

# What is wrong, for each kind of error that pydantic reports; names in braces are pydantic's.
_REASONS: dict[str, str] = {
    "missing": "is missing",
    "extra_forbidden": "is not a field of a reading",
    "string_type": "is not text",
    "float_type": "is not a number",
    "finite_number": "is not a finite number",
    "greater_than": "must be above {gt:g}",
    "greater_than_equal": "is below {ge:g}",
    "less_than_equal": "is above {le:g}",
    "string_too_long": "is longer than {max_length} characters",
    "literal_error": "is unknown; known are {expected}",
    "value_error": "{error}",
}
_PATTERNS = {
    TEXT: "is blank, or holds a line break or another control character",
    UUID7: "is not a UUID of version 7",
    COUNTRY: "is not a country code of two capitals (ISO 3166-1)",
    FACTOR_ID: "is not a factor id such as ipcc2006-gas",
}
_JSON_NAMES = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "an array",
}


def sentence(error: ValidationError, value: bytes) -> str:
    """Describe the first error in one sentence, and say how many more there are."""
    problems = error.errors(include_url=False)
    first = problems[0]
    kind, context = first["type"], first.get("ctx", {})
    if kind == "json_invalid":
        return _not_json(value, str(context["error"]))
    if kind == "model_type":
        return f"the value is {_JSON_NAMES[type(first['input'])]}, not a JSON object"
    if not first["loc"]:  # a rule across fields names them itself
        return str(context["error"])
    if kind == "string_pattern_mismatch":
        reason = _PATTERNS[context["pattern"]]
    else:
        reason = _REASONS[kind].format(**context) if kind in _REASONS else first["msg"]
    field = shorten(first["loc"][0]).strip("'\"")
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if kind == "missing":
        return f"{field} is missing{more}"
    return f"{field}: {shorten(first['input'])} {reason}{more}"


def _not_json(value: bytes, reason: str) -> str:
    """Say why bytes are not JSON; most often they are not even text."""
    if not value:
        return "the value is empty"
    try:
        value.decode()
    except UnicodeDecodeError as error:
        byte = value[error.start]
        return f"the value is not UTF-8: byte 0x{byte:02x} at position {error.start}"
    return f"the value is not JSON: {reason}"


def shorten(seen: Any) -> str:
    """Show a wrong value on one line, in at most 60 characters."""
    text = repr(seen)
    return text if len(text) <= SEEN_CHARACTERS else f"{text[: SEEN_CHARACTERS - 1]}…"
