"""What a signal brings is JSON, strictly: what is kept comes back as it was sent, and all else is refused with a reason."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nornflow.app.services.waits.signal_data import LARGEST, signal_data
from nornflow.errors import UsageError
from nornflow.model.plain import plain

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_taken_is_kept_as_it_was_sent(value: object) -> None:
    found = signal_data(json.dumps(value, ensure_ascii=False).encode())
    assert found == plain(found) == value


@given(st.binary(max_size=200))
def test_whatever_comes_is_taken_or_refused(raw: bytes) -> None:
    found, hint = None, ""
    try:
        found = signal_data(raw)
    except UsageError as refused:
        hint = refused.hint
    assert hint or found == json.loads(raw.decode("utf-8-sig")), "it was refused without saying what to do, or changed"


def test_a_byte_order_mark_is_passed_over() -> None:
    assert signal_data(b'\xef\xbb\xbf{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "is no JSON"),
        (b"{", "is no JSON"),
        (b"NaN", "NaN is no number"),
        (b"[-Infinity]", "-Infinity is no number"),
        (b"1e999", "1e999 is too large"),
        (b"9" * 5000, "is no JSON that can be kept"),
        (b'{"a": {"b": 1, "b": 2}}', "the key 'b' is there twice"),
        (b'{"a": "\\ud800"}', "half of a character"),
        (b'{"\\udfff": 1}', "half of a character"),
        (b"\x80", "no UTF-8 text: byte 1"),
        (b"[" * 300 + b"]" * 300, "nested too deep"),
        (b"[" * 30_000 + b"]" * 30_000, "nested too deep"),
        (b'"' + b"x" * LARGEST + b'"', "at most 65,536 bytes"),
    ],
)
def test_what_could_not_be_kept_as_it_is_is_refused(raw: bytes, why: str) -> None:
    with pytest.raises(UsageError) as refused:
        signal_data(raw)
    assert why in refused.value.message
