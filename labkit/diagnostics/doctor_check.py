"""What a check of the doctor says."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

Verdict = Literal["ok", "note", "broken"]


class Check(BaseModel):
    """One thing that was looked at.

    ``ok``: as it should be; ``note``: worth knowing, and the lab works; ``broken``: it does not.
    """

    model_config = ConfigDict(frozen=True)

    name: str
    verdict: Verdict
    sentence: str
    next_line: str = ""
