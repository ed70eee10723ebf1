"""Compare figures with a tolerance, and explain common mistakes."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from labkit.exercises.engine.outcome import NotYet
from labkit.exercises.queries.api_queries import ask


def is_close(said: Any, seen: float) -> bool:
    """Tell whether two masses in kilograms are the same, to half a gram."""
    return isinstance(said, int | float) and math.isclose(said, seen, rel_tol=1e-9, abs_tol=5e-4)


def explain_rate(said: float, rate_t_per_h: float, bucket_s: float) -> str:
    """Return which mistake explains a wrong rate, as the end of a sentence, or an empty string."""
    slips = {
        1 / 3.6: ": those are kilograms per second",
        1000.0: ": those are kilograms per hour",
        bucket_s / 3.6: ": those are the kilograms; a longer bucket does not emit more per hour",
        1 / 3.6**2: ": times 3.6, not divided by it",
    }
    found = [
        why
        for factor, why in slips.items()
        if math.isclose(said, rate_t_per_h * factor, rel_tol=0.1)
    ]
    return found[0] if found else ""


def check_plant(url: str, plant: str, rows: pd.DataFrame) -> None:
    """Ask a learner's app for a plant's sum, and compare it with the plant's rows."""
    answer = ask(f"{url}/plants/{plant}")
    if answer.status != 200:
        raise NotYet(f"`/plants/{plant}` was asked over HTTP, and answered {answer.status}.")
    said = answer.json()
    if not isinstance(said, dict) or said.get("facility_id") != plant or "co2_kg" not in said:
        raise NotYet(f"`/plants/{plant}` answers {said!r}: `facility_id` or `co2_kg` is missing.")
    if not is_close(said["co2_kg"], float(rows["co2_kg"].sum())):
        raise NotYet(
            f"`{plant}` emitted {rows['co2_kg'].sum():,.3f} kg, by its {len(rows):,} rows in "
            f"partition {rows['partition'].iloc[0]}; you say {said['co2_kg']!r}."
        )
