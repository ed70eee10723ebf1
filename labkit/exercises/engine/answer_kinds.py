"""What kind of thing an answer is: named in one line, and refused kindly where it is another kind.

`shown` never prints a whole table. `whole_number`, `text` and `pair` return an answer as a check
needs it, or raise `NotYet`, which says what was given and what to change.
"""

from __future__ import annotations

import operator
from typing import Any

from labkit.core.text_tables import many
from labkit.exercises.engine.outcome import NotYet

LONGEST_SHOWN = 60
PLAIN = (str, bytes, int, float, bool, type(None))
COLLECTIONS = (list, tuple, dict, set, frozenset)
KINDS = {str: "text", bytes: "bytes", list: "a list", tuple: "a tuple", dict: "a dictionary"}
GAVE, RETURNED = "You gave", "Your function returned"


def shown(value: Any) -> str:
    """Return a value in one short line: ``3``, ``'PL-COAL-001'``, ``a pandas Series of 24 values``.

    What is longer is named by its type and its length.
    """
    value = plain(value)
    if isinstance(value, PLAIN):
        code = repr(value)
        return code if len(code) <= LONGEST_SHOWN else f"{code[: LONGEST_SHOWN - 3]}..."
    if isinstance(value, COLLECTIONS) and len(repr(value)) <= LONGEST_SHOWN:
        return repr(value)
    name = getattr(value, "__name__", "")
    if callable(value) and name:
        return f"the function {name}, not what it returns"
    return _by_type(value)


def plain(value: Any) -> Any:
    """Return a value of NumPy's as Python's own, and anything else as it is.

    An array or a Series with a single value is that value.
    """
    is_single = hasattr(value, "ndim") and hasattr(value, "item") and value.size == 1
    return value.item() if is_single and getattr(value, "ndim", 2) < 2 else value


def whole_number(value: Any, source: str = GAVE) -> int:
    """Return an answer as a whole number: 3, 3.0 and NumPy's 3 are the same.

    Parameters
    ----------
    value : Any
        The answer, or what a learner's function returned.
    source : str
        How a refusal begins: `GAVE` for an answer, `RETURNED` for what a function returned.

    Raises
    ------
    NotYet
        It is something else, which the message names.
    """
    value = plain(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    try:
        if not isinstance(value, bool):
            return operator.index(value)
    except TypeError:
        pass
    raise NotYet(refusal(value, "a whole number", source))


def number(value: Any, source: str = GAVE) -> float:
    """Return an answer that is a number; raise `NotYet` for anything else."""
    value = plain(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    raise NotYet(refusal(value, "a number", source))


def text(value: Any, source: str = GAVE) -> str:
    """Return an answer that is text; raise `NotYet` for anything else."""
    value = plain(value)
    if isinstance(value, str):
        return value
    raise NotYet(refusal(value, "text, in quotation marks", source))


def pair(value: Any, source: str = GAVE) -> tuple[Any, Any]:
    """Return an answer of two values as a tuple; raise `NotYet` for anything else."""
    if isinstance(value, tuple | list) and len(value) == 2:
        return value[0], value[1]
    raise NotYet(refusal(value, "two values, such as `(0, 7)`", source))


def refusal(value: Any, wanted: str, source: str = GAVE) -> str:
    """Return what an answer is, and what was wanted instead, as a sentence or two."""
    if value is None and source == RETURNED:
        return f"{source} nothing. It has to end with `return` and {wanted}."
    if isinstance(value, str) and "number" in wanted and _reads_as_number(value):
        convert = ", or make a number of it with `int(...)`" if source == RETURNED else ""
        return f"{source} text, `{value!r}`. Leave out the quotation marks{convert}."
    return f"{source} {described(value)}. The answer is {wanted}."


def described(value: Any) -> str:
    """Return a value with its type in a learner's words: ``text, `'3'` ``."""
    value, code = plain(value), shown(value)
    if value is None:
        return "`None`, which is nothing"
    if not isinstance(value, (*PLAIN, *COLLECTIONS)) or code == _by_type(value):
        return code
    kind = next((word for one, word in KINDS.items() if isinstance(value, one)), "")
    return f"{kind}, `{code}`" if kind else f"`{code}`"


def _by_type(value: Any) -> str:
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    name = f"{library} {kind.__name__}" if library in ("pandas", "numpy") else kind.__name__
    article = "an" if name[0].lower() in "aeiou" else "a"
    part = "row" if kind.__name__ == "DataFrame" else "value"
    try:
        return f"{article} {name} of {many(len(value), part)}"
    except TypeError:
        return f"{article} {name}"


def _reads_as_number(value: str) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True
