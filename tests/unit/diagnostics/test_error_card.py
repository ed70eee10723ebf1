"""The error card: what it answers, what it leaves alone, and that it never makes things worse."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from IPython.core.interactiveshell import InteractiveShell
from kafka import errors as kafka_errors
from kafka.consumer.fetcher import ConsumerRecord

import labkit
from labkit.core.errors import LabError, TopicNotFound
from labkit.core.next_step import Advice
from labkit.diagnostics.error_card import error_card
from labkit.diagnostics.error_card.error_card import answer_to
from labkit.diagnostics.error_card.traceback_reader import chain
from labkit.diagnostics.known_problems import KNOWN_PROBLEMS, Answer


def caught(action: Callable[[], Any]) -> BaseException:
    try:
        action()
    except BaseException as error:
        return error
    pytest.fail("it raised nothing")


def raising(error: BaseException) -> BaseException:
    def act() -> None:
        raise error

    return caught(act)


def record(value: bytes | None) -> ConsumerRecord:
    names = ConsumerRecord._fields
    known = {"topic": "t", "partition": 2, "offset": 7, "value": value}
    return ConsumerRecord(**{name: known.get(name) for name in names})


class CommitFailedError(Exception):
    """A learner's own, with a name that kafka-python has too."""


NOT_OURS: dict[str, Callable[[], Any]] = {
    "a number": lambda: int("x"),
    "a key": lambda: {}["co2"],
    "a name": lambda: eval("no_such_name"),
    "text": lambda: json.loads("{"),
    "none": lambda: json.loads(None),  # type: ignore[arg-type]
    "an import": lambda: __import__("no_such_module"),
    "a file": lambda: Path("/no/such/file").read_text(),
    "a web page": lambda: urllib.request.urlopen("http://127.0.0.1:1/"),
    "bytes": lambda: b"\xff".decode(),
    "a missing name": lambda: __import__("json").no_such,
    "a type": lambda: "a" + 1,  # type: ignore[operator]
    "their words": lambda: raising_now(ValueError("Unrecognized configs: {'a': 1}")),
    "their class name": lambda: raising_now(CommitFailedError("no")),
    "an interrupt": lambda: raising_now(KeyboardInterrupt()),
    "an exit": lambda: sys.exit(1),
    "a timeout": lambda: raising_now(TimeoutError("Unable to bootstrap from 127.0.0.1:1")),
    "a group": lambda: raising_now(ExceptionGroup("two", [ValueError("x"), KeyError("y")])),
}


def raising_now(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize("name", NOT_OURS)
def test_an_error_that_is_none_of_its_business(name: str) -> None:
    assert answer_to(caught(NOT_OURS[name])) is None


def test_a_records_value_and_a_text_that_is_not_one() -> None:
    def loop(one: ConsumerRecord, text: bytes) -> None:
        json.loads(text if one else b"")

    bad = record(b"not json")
    found = answer_to(caught(lambda: loop(bad, bad.value)))
    assert found
    assert "partition 2, offset 7 of 't'" in found.sentence
    assert answer_to(caught(lambda: loop(bad, b"{of another place"))) is None


def test_a_tombstone_in_the_learners_loop() -> None:
    def loop(one: ConsumerRecord) -> Any:
        return json.loads(one.value)

    found = answer_to(caught(lambda: loop(record(None))))
    assert found
    assert "tombstone" in found.sentence
    assert found.next_line.startswith("if record.value is None: continue")


def test_an_error_of_the_lab_brings_its_own_line() -> None:
    error = TopicNotFound("topic 'x' is not here", "lab.ensure_topic('x')")
    assert answer_to(raising(error)) == Answer(
        None, "Topic 'x' is not here.", "lab.ensure_topic('x')", "TopicNotFound"
    )


@pytest.mark.parametrize("how", ["cause", "context", "group"])
def test_the_error_behind_the_error(how: str) -> None:
    def act() -> None:
        try:
            raise kafka_errors.TopicAlreadyExistsError(
                "CreatableTopic(name='t', num_partitions=3, "
            )
        except kafka_errors.KafkaError as error:
            if how == "group":
                raise ExceptionGroup("both", [ValueError("x"), error]) from None
            raise RuntimeError("mine") from (error if how == "cause" else None)

    def during() -> None:
        try:
            raise kafka_errors.TopicAlreadyExistsError("again")
        except kafka_errors.KafkaError:
            int("x")

    found = answer_to(caught(during if how == "context" else act))
    assert found
    assert found.error == "TopicAlreadyExistsError"


def test_what_a_traceback_does_not_show_is_not_answered() -> None:
    def act() -> None:
        try:
            raise kafka_errors.TopicAlreadyExistsError("again")
        except kafka_errors.KafkaError:
            raise ValueError("mine") from None

    assert answer_to(caught(act)) is None


def test_an_error_in_the_learners_own_except_is_another_one() -> None:
    def fails() -> None:
        raise kafka_errors.TopicAlreadyExistsError("again")

    cell = "try:\n    fails()\nexcept Exception:\n    {}['partition']"
    space = {"__name__": "__main__", "fails": fails}
    error = caught(lambda: exec(cell, space))
    assert isinstance(error, KeyError)
    assert list(chain(error)) == [error]
    assert answer_to(error) is None


@pytest.mark.parametrize(
    ("cell", "next_line"),
    [
        ("ex.p1.predict(bootstrap)", "ex.p1.predict('bootstrap')"),
        ('settings = {acks: "all"}', "settings = {'acks': \"all\"}"),
        ('settings = {"retries": 1, acks: "all"}', 'settings = {"retries": 1, \'acks\': "all"}'),
        ("group_id = connect-lesson10b-file", "group_id = 'connect-lesson10b-file'"),
    ],
)
def test_text_without_quotation_marks(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], cell: str, next_line: str
) -> None:
    shell.run_cell("class ex:\n    class p1:\n        predict = print")
    shell.run_cell(cell)
    said = capsys.readouterr().out
    assert "Text needs quotation marks." in said
    assert f"Next: {next_line}" in said


def test_a_circle_of_errors_ends() -> None:
    one, other = ValueError("one"), ValueError("other")
    one.__context__, other.__context__ = other, one
    assert list(chain(one)) == [one, other]


@pytest.mark.parametrize("number", [errno.EADDRINUSE, 10048])
def test_a_taken_port_on_any_system(number: int) -> None:
    found = answer_to(raising(OSError(number, "in use")))
    assert found
    assert found.problem is KNOWN_PROBLEMS[13]


def test_a_file_of_the_learners_called_kafka(tmp_path: Path) -> None:
    (tmp_path / "kafka.py").write_text("print('mine')\n")
    cells = "%load_ext labkit\nfrom kafka import KafkaProducer\n"
    said = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner"],
        input=cells,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
        env={**os.environ, "IPYTHONDIR": str(tmp_path / "ipython")},
    ).stdout
    assert "finds your own file" in said
    assert f"os.rename({str(tmp_path / 'kafka.py')!r}" in said


# The shell


@pytest.fixture
def shell() -> Iterator[InteractiveShell]:
    one = InteractiveShell(colors="nocolor")
    one.run_cell("%load_ext labkit")
    yield one
    error_card.unload(one)
    one.history_manager.end_session()
    InteractiveShell.clear_instance()


def test_it_stands_below_the_traceback_and_once(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell("%load_ext labkit")
    labkit.load_ipython_extension(shell)
    capsys.readouterr()
    shell.run_cell(
        "from labkit.core.errors import LabError\nraise LabError('it is so', 'type this')"
    )
    said = capsys.readouterr().out
    assert said.index("----> 2 raise LabError") < said.index(
        "LabError\n  It is so.\n  Next: type this"
    )
    assert said.lower().count("it is so") == 2  # in the learner's own line, and in the card
    assert "errors.py" not in said
    shell.run_cell("%tb")
    assert "LabError: it is so" in capsys.readouterr().out


def test_a_cell_finds_the_labkit_of_its_own_python(
    shell: InteractiveShell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert shutil.which("labkit") is None
    for _ in range(2):
        shell.run_line_magic("reload_ext", "labkit")
    assert os.environ["PATH"] == os.pathsep.join([sysconfig.get_path("scripts"), str(tmp_path)])
    assert shutil.which("labkit") is not None


def test_the_learners_own_lines_and_no_others(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell("def mine(topic):\n    import labkit\n    labkit.start_producer(topic)")
    shell.run_cell("x = 1\nmine('co2-emisions')")
    said = capsys.readouterr().out
    assert "----> 2 mine('co2-emisions')" in said
    assert "----> 3     labkit.start_producer(topic)" in said
    assert said.count("---->") == 2
    assert "Next: lab.start_broker()\n" in said


def test_a_client_error_says_its_name_once(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell("from kafka.errors import *\nraise KafkaTimeoutError('too late')")
    shell.run_cell("raise MessageSizeTooLargeError(None)")
    said = capsys.readouterr().out
    assert "\nKafkaTimeoutError: too late\n" in said
    assert "\nMessageSizeTooLargeError\n" in said
    assert "max.message.bytes" in said


def test_a_name_that_no_cell_has_defined(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell("sent + 1")
    said = capsys.readouterr().out
    assert "NameError: name 'sent' is not defined" in said
    assert "No cell has given `sent` a value since the kernel started: run the cells above." in (
        said.replace("sent a", "`sent` a")
    )
    assert "Next: Run > Run All Above Selected Cell" in said


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("my_plnats.stop()", "my_plants.stop()"),
        ("prnt(1)", "print(1)"),
        ("x = true", "x = True"),
        ("for one in my_plnats: pass", "for one in my_plants: pass"),
        ("str(\n    my_plnats or\n    1\n)", "my_plants"),
    ],
)
def test_a_misspelt_name_in_the_learners_own_line(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], line: str, meant: str
) -> None:
    shell.run_cell("my_plants = None")
    shell.run_cell(line)
    said = capsys.readouterr().out
    assert "Did you mean" in said
    assert f"  Next: {meant}\n" in said


def test_a_name_that_a_library_lacks_is_not_the_learners(shell: InteractiveShell) -> None:
    error = caught(lambda: eval("nobody_knows_it", {"__name__": "library"}))
    assert answer_to(error) is None


@pytest.mark.parametrize(
    ("call", "next_line"),
    [
        ("lab.fresh_topic('t', partitions=4)", "lab.fresh_topic('t', num_partitions=4)"),
        ("lab.ensure_topic('t', num_partitons=4)", "lab.ensure_topic('t', num_partitions=4)"),
        (
            "lab.alter_topic(\n    't',\n    partitions=4,\n)",
            "lab.alter_topic(..., num_partitions=...)",
        ),
        (
            "lab.fresh_topic('t', retention_ms=1)",
            'lab.fresh_topic(..., config={"retention.ms": ...})',
        ),
        ("lab.start_consumer('t', colour=1)", "lab.start_consumer?"),
    ],
)
def test_an_argument_that_a_function_of_the_lab_does_not_have(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str], call: str, next_line: str
) -> None:
    shell.run_cell("import labkit as lab")
    shell.run_cell(call)
    assert f"  Next: {next_line}\n" in capsys.readouterr().out


def test_a_refused_batch_without_a_topic_names_none() -> None:
    found = answer_to(raising(kafka_errors.MessageSizeTooLargeError()))
    assert found
    assert found.next_line.startswith(
        "lab.alter_topic(topic, config={'max.message.bytes': 2000000}"
    )
    assert "co2-emissions" not in found.next_line


def test_a_misspelt_topic_in_the_learners_own_line() -> None:
    def act() -> None:
        raise TopicNotFound.named("co2-emisions", ["co2-emissions", "other", "__consumer_offsets"])

    found = answer_to(caught(act))
    assert found
    assert found.sentence.endswith("not on this cluster. Did you mean 'co2-emissions'?")
    assert found.next_line.startswith("lab.describe_topic('co2-emissions')   (or, if")


def test_a_new_value_for_a_reading() -> None:
    reading = labkit.Fleet().reading(datetime.now(UTC), 1.0)
    found = answer_to(caught(lambda: setattr(reading, "co2_kg", 2.0)))
    assert found
    assert found.next_line == 'reading.model_copy(update={"co2_kg": 2.0})'


def test_colours_of_a_quoted_program() -> None:
    found = answer_to(raising(LabError("it said \x1b[1;31mError:\x1b[0m no", "labkit consume")))
    assert found
    advice = Advice(found.heading, found.sentence, found.next_line)
    assert "It said Error: no." in repr(advice)
    assert "It said Error: no." in advice._repr_html_()
    assert found.next_line == "consumer = lab.start_consumer()"


def test_an_ordinary_error_shows_no_lens(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell("1 / 1")
    shell.run_cell("int('x')")
    shell.run_cell("1 +")  # no cell at all
    said = capsys.readouterr().out
    assert "ValueError" in said
    assert "SyntaxError" in said
    assert "Next:" not in said


def test_an_error_in_an_asyncio_cell(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell(
        "import asyncio\nfrom labkit.core.errors import LabError\n"
        "async def fail():\n    await asyncio.sleep(0)\n    raise LabError('late', 'wait')\n"
        "await fail()"
    )
    assert "  Late.\n  Next: wait" in capsys.readouterr().out


def test_taken_out_it_is_silent(
    shell: InteractiveShell, capsys: pytest.CaptureFixture[str]
) -> None:
    shell.run_cell("%unload_ext labkit")
    shell.run_cell(
        "from labkit.core.errors import LabError\nraise LabError('it is so', 'type this')"
    )
    assert "It is so." not in capsys.readouterr().out


def test_it_never_fails_itself(shell: InteractiveShell, capsys: pytest.CaptureFixture[str]) -> None:
    shell.run_cell(
        "from kafka.errors import CommitFailedError\n"
        "class Odd(CommitFailedError):\n"
        "    def __str__(self): raise RuntimeError('no words')\n"
        "    def __getattr__(self, name): raise RuntimeError('nothing')\n"
        "class Rude:\n"
        "    def __getattribute__(self, name): raise RuntimeError('leave me')\n"
        "rude = Rude()\n"
        "raise Odd()"
    )
    shell.run_cell("raise ValueError(rude)")
    said = capsys.readouterr()
    assert "post_run_cell" not in said.out + said.err


def test_loading_it_loads_no_client() -> None:
    module = "labkit.diagnostics.error_card.error_card"
    code = f"import sys, {module}; print({{'kafka', 'pandas', 'pydantic'}} & set(sys.modules))"
    seen = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert seen.stdout.strip() == "set()"


def test_the_box_says_what_it_is_and_runs_nothing() -> None:
    note = Advice("LabError", "`a` & <script>alert(1)</script>", "type <this>\x1b[2J")
    shown = note._repr_html_()
    assert 'role="note"' in shown
    assert "<code>a</code> &amp; &lt;script&gt;" in shown
    assert "type &lt;this&gt;\\x1b[2J" in shown
    assert "\x1b" not in repr(note)


# The knowledge


def test_fifteen_known_problems() -> None:
    assert [one.number for one in KNOWN_PROBLEMS] == list(range(1, 16))
    assert len({one.name for one in KNOWN_PROBLEMS}) == 15
    for one in KNOWN_PROBLEMS:
        assert one.sentence.endswith("."), one.name
        assert one.symptom
        assert one.next_line


def test_the_troubleshooting_page_says_the_same() -> None:
    page = Path(labkit.__file__).parents[1] / "docs" / "troubleshooting.md"
    rows = [
        f"| {one.number} | {one.symptom} | {one.sentence} | `{one.next_line}` |"
        for one in KNOWN_PROBLEMS
    ]
    there = [line for line in page.read_text(encoding="utf-8").splitlines() if line[:3] != "| p"]
    assert [line for line in there if line.startswith("| ") and line[2].isdigit()] == rows
