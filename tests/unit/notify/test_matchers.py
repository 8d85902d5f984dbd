"""Matchers: their laws, and the notation as Alertmanager reads it."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.notify.matchers import BadMatcher, Matcher, Op, all_match, parse, parse_all

NAMES = st.from_regex(r"[a-z_:][a-z0-9_:]{0,5}", fullmatch=True)
VALUES = st.text(st.characters(codec="utf-8"), max_size=12)
LABELS = st.dictionaries(NAMES, VALUES, max_size=4)
NEGATED: dict[Op, Op] = {"=": "!=", "=~": "!~"}


@settings(deadline=None)
@given(name=NAMES, value=VALUES, labels=LABELS)
def test_a_negated_matcher_is_the_opposite_of_the_plain_one(name: str, value: str, labels: dict[str, str]) -> None:
    texts: dict[Op, str] = {"=": value, "=~": re.escape(value) + "|x.*"}
    for op, text in texts.items():
        assert Matcher(name, op, text).matches(labels) is not Matcher(name, NEGATED[op], text).matches(labels)


@settings(deadline=None)
@given(name=NAMES, value=VALUES)
def test_an_expression_of_plain_text_means_that_text_whole(name: str, value: str) -> None:
    escaped = re.sub(r"([^\w\s])", r"\\\1", value, flags=re.ASCII) if value.isascii() else value
    if not value.isascii() and re.search(r"[^\w\s]", value):
        return
    matcher = Matcher(name, "=~", escaped)
    assert matcher.matches({name: value})
    assert not matcher.matches({name: value + "x"})
    assert not matcher.matches({name: "x" + value})


@settings(deadline=None)
@given(name=NAMES, op=st.sampled_from(["=", "!=", "=~", "!~"]), value=VALUES, labels=LABELS)
def test_a_missing_label_is_an_empty_one(name: str, op: Op, value: str, labels: dict[str, str]) -> None:
    try:
        matcher = Matcher(name, op, value)
    except BadMatcher:
        return
    without = {key: text for key, text in labels.items() if key != name}
    assert matcher.matches(without) is matcher.matches({**without, name: ""})


@settings(deadline=None)
@given(name=st.one_of(NAMES, VALUES.filter(bool)), op=st.sampled_from(["=", "!="]), value=VALUES)
def test_what_a_matcher_prints_reads_back_as_itself(name: str, op: Op, value: str) -> None:
    matcher = Matcher(name, op, value)
    assert parse(str(matcher)) == (matcher,)
    assert parse(f"{{{matcher}, {matcher}}}") == (matcher, matcher)


@settings(deadline=None)
@given(text=st.text(alphabet='ab=~!"\\,{} \n', max_size=14))
def test_any_text_is_matchers_or_is_refused_with_a_word(text: str) -> None:
    try:
        found = parse(text)
    except BadMatcher:
        return
    assert parse_all(map(str, found)) == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("foo=bar", [("foo", "=", "bar")]),
        ('foo="bar"', [("foo", "=", "bar")]),
        ('  foo  =~  "bar.*"  ', [("foo", "=~", "bar.*")]),
        ("foo=", [("foo", "=", "")]),
        ('foo=""', [("foo", "=", "")]),
        ("foo!=bar baz", [("foo", "!=", "bar baz")]),
        ('{foo="a", bar!~"b|c"}', [("foo", "=", "a"), ("bar", "!~", "b|c")]),
        ('foo="a,b",bar=c,', [("foo", "=", "a,b"), ("bar", "=", "c")]),
        ('foo="a}"', [("foo", "=", "a}")]),
        (r'foo="say \"hi\" \\ and\nmore"', [("foo", "=", 'say "hi" \\ and\nmore')]),
        (r"foo=~\d+", [("foo", "=~", r"\d+")]),
        (r'foo=~"\d+\.x"', [("foo", "=~", r"\d+\.x")]),
        ("foo=a\\", [("foo", "=", "a\\")]),
        ("foo==x", [("foo", "=", "=x")]),
        ('"service.name"="shop"', [("service.name", "=", "shop")]),
        ("{}", []),
        ("", []),
    ],
)
def test_the_notation_is_read_as_alertmanager_reads_it(text: str, expected: list[tuple[str, str, str]]) -> None:
    assert [(one.name, one.op, one.value) for one in parse(text)] == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("foo", "is no matcher"),
        ("=bar", "is no matcher"),
        ("1foo=bar", "is no matcher"),
        ("foo=a,,bar=b", "is no matcher"),
        ('foo="bar', "the quote is not closed"),
        ('foo=ba"r', "write"),
        ('foo="a"b"', "write"),
        ("{foo=bar", "one brace"),
        ("foo=~x{2}", "in quotes"),  # Alertmanager drops the brace, and means something else
        ("foo=~a(", "no regular expression"),
        ("foo=~a)|(b", "no regular expression"),
        ("foo=~a(?=b)", "no regular expression"),
        ("foo=" + "x" * 5000, "at most 4096"),
    ],
)
def test_what_is_no_matcher_is_refused_with_the_reason(text: str, says: str) -> None:
    with pytest.raises(BadMatcher, match=re.escape(says)):
        parse(text)


@pytest.mark.parametrize(
    ("text", "value", "meets"),
    [
        ("a=~x|xy", "xy", True),
        ("a=~x|xy", "xyz", False),
        ("a=~x", "x\n", False),
        ("a=~x.y", "x\ny", False),
        ("a=~", "", True),
        ("a=~.+", "", False),
        ("a!~.+", "", True),
        ("a=~(?i)shop", "SHOP", True),
        ("a=~(a+)+b", "a" * 5000, False),
        ("a=~.", "\ud800", True),
    ],
)
def test_expressions_are_anchored_and_linear(text: str, value: str, meets: bool) -> None:
    assert all_match(parse(text), {"a": value}) is meets


def test_no_matchers_match_everything() -> None:
    assert all_match((), {"a": "b"})
