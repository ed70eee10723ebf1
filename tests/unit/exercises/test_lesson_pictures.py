import re

import pytest

from labkit.exercises.lesson_support.lesson_pictures import picture

NAMES = ["journey", "bootstrap", "log", "group", "replicas", "batches", "offsets"]


@pytest.mark.parametrize("name", NAMES)
def test_each_rendering_has_ids_of_its_own(name: str) -> None:
    one = picture(name)
    shown = [one._repr_html_() for _ in range(2)]
    ids = [set(re.findall(r'\bid="([^"]+)"', svg)) for svg in shown]
    assert not ids[0] & ids[1], "in a page with both, each is found"
    for known, svg in zip(ids, shown, strict=True):
        used = re.findall(r"url\(#([^)]+)\)", svg)
        assert set(used) == known
        assert "#labkit-arrow)" not in svg
