"""Globs without Python per name mean what Python's own fnmatch says."""

from fnmatch import fnmatchcase

import pyarrow as pa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.alerting.match import wanted

names = st.lists(st.text("ab.*?[]é\n", max_size=5), max_size=6)
globs = st.lists(st.text("ab.*?[]!é\n", min_size=1, max_size=5), min_size=1, max_size=3)


@settings(deadline=None)
@given(globs, names)
@example(["*"], ["", "a"])
@example(["!a*"], ["ab", "b"])
@example(["*a*", "!*b"], ["a", "cab", "xay"])
@example(["a**"], ["a", "ab", "b"])
@example(["[ab]*", "!"], ["a", ""])
def test_globs_mean_what_fnmatch_says(some: list[str], texts: list[str]) -> None:
    taken = [glob for glob in some if not glob.startswith("!")] or ["*"]
    refused = [glob[1:] for glob in some if glob.startswith("!")]
    expected = [
        any(fnmatchcase(text, glob) for glob in taken) and not any(fnmatchcase(text, glob) for glob in refused)
        for text in texts
    ]
    assert wanted(tuple(some), pa.array(texts, pa.string())).tolist() == expected
