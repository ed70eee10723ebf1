"""Marks of processes."""

from __future__ import annotations

import os
import subprocess
import sys

import psutil

from labkit.core.processes import is_alive, mark_of


def test_a_mark_is_of_this_process_and_not_of_one_with_its_pid() -> None:
    mark = mark_of(os.getpid())
    assert is_alive(**mark)
    assert not is_alive(mark["pid"], mark["process_started"] - 60.0)


def test_an_ended_process_is_not_alive_even_before_its_parent_looked() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        mark = mark_of(child.pid)
        assert is_alive(**mark)
        child.kill()
        while psutil.pid_exists(child.pid) and is_alive(**mark):
            pass  # ends when it is a zombie, which only `Popen.wait` takes away
    assert not is_alive(**mark)
