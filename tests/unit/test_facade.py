"""``import labkit as lab``: every public name is there, explained, and found by Tab."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import labkit


@pytest.mark.parametrize("name", labkit.__all__)
def test_a_public_name_can_be_imported(name: str) -> None:
    assert getattr(labkit, name) is not None
    assert name in dir(labkit)


@pytest.mark.parametrize("name", [name for name in labkit.__all__ if name != "__version__"])
def test_a_public_name_explains_itself(name: str) -> None:
    thing = getattr(labkit, name)
    assert inspect.getdoc(thing), f"{name} has no docstring"
    if inspect.isclass(thing):
        members = [
            member
            for key, member in vars(thing).items()
            if not key.startswith("_")
            and (inspect.isfunction(member) or isinstance(member, property))
        ]
        assert [member for member in members if not inspect.getdoc(member)] == []


@pytest.mark.parametrize(
    ("name", "calls"),
    [("produce", ["client.send("]), ("consume", ["client.poll(", "client.commit"])],
)
def test_the_source_of_a_loop_shows_its_kafka_calls(name: str, calls: list[str]) -> None:
    source = inspect.getsource(getattr(labkit, name))  # what ``lab.produce??`` prints
    assert f"def {name}(" in source
    assert [call for call in calls if call not in source] == []


def test_a_name_that_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match="no attribute 'start_brokr'"):
        _ = labkit.start_brokr


def test_importing_labkit_loads_nothing_heavy() -> None:
    heavy = "{'pandas', 'kafka', 'flask', 'anywidget', 'pydantic'}"
    code = f"import sys, labkit; print(sorted({heavy} & set(sys.modules)))"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "[]"


def test_no_public_name_is_also_a_module() -> None:
    # Importing labkit.x sets the attribute x of the package: the module would hide the function.
    folder = Path(labkit.__file__).parent
    modules = {path.stem for path in folder.iterdir()}
    assert modules & set(labkit.__all__) == set()
