"""Masking when there are thousands of secrets, as with a password of its own for each device."""

from __future__ import annotations

import base64
import json
import time

from hypothesis import given
from hypothesis import strategies as st

from nornflow.redaction import MASK, Redactor

MANY = [f"pass-of-device-{number:05}" for number in range(1000)]


def test_each_of_many_secrets_is_masked_in_all_its_spellings() -> None:
    redactor = Redactor(MANY)
    for secret in (MANY[0], MANY[517], MANY[-1]):
        encoded = base64.b64encode(secret.encode()).decode().rstrip("=")
        told = redactor.text(f"login {secret}, hex {secret.encode().hex()}, basic {encoded}.")
        assert told == f"login {MASK}, hex {MASK}, basic {MASK}."


def test_text_around_secrets_stays_as_it_is() -> None:
    redactor = Redactor(MANY)
    assert redactor.text("pass-of-device-0001 is one digit short") == "pass-of-device-0001 is one digit short"
    assert redactor.text("ok") == "ok"
    assert redactor.text("") == ""


def test_secrets_that_overlap_are_masked_to_the_end_of_the_last() -> None:
    redactor = Redactor([*MANY, "abcdef", "cdefghijk", "cdef"])
    assert redactor.text("<abcdefghijk>") == f"<{MASK}>"


@given(st.text("ab", max_size=40), st.lists(st.text("ab", min_size=4, max_size=6), min_size=1, max_size=4))
def test_no_secret_is_left_over_however_they_overlap(text: str, secrets: list[str]) -> None:
    told = Redactor([*MANY, *secrets]).text(text)
    assert not [secret for secret in secrets if secret in told]


def test_ten_thousand_passwords_are_known_at_once() -> None:
    began = time.process_time()
    redactor = Redactor(f"{number:05}-is-the-password" for number in range(10_000))
    assert redactor.text("00042-is-the-password") == MASK
    assert time.process_time() - began < 5  # it took minutes when each new one sorted all the others again


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text('ab"\\\n', max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('ab"\\é', max_size=8), inner, max_size=3),
)


@given(PLAIN, st.lists(st.text('ab"\\é\n', min_size=4, max_size=6), min_size=1, max_size=4), st.booleans())
def test_a_json_text_without_a_secret_is_of_a_value_without_one(value: object, secrets: list[str], many: bool) -> None:
    redactor = Redactor([*(MANY if many else ()), *secrets])
    if not redactor.may_be_in(json.dumps(value, ensure_ascii=False)):
        assert redactor.value(value) == value


@given(PLAIN, st.lists(st.text('ab"\\é\n', min_size=4, max_size=6), min_size=1, max_size=4), st.booleans())
def test_whoever_is_told_what_was_found_in_a_value_masks_it_as_well(
    value: object, secrets: list[str], many: bool
) -> None:
    redactor = Redactor([*(MANY if many else ()), *secrets])
    found = redactor.found(value)
    assert bool(found) == (redactor.value(value) != value)
    assert redactor.found(Redactor(found).value(value)) == ()


def test_who_wants_to_know_hears_of_each_secret_once() -> None:
    redactor, heard = Redactor(["known-before"]), list[tuple[str, str]]()
    redactor.tell(lambda value, origin: heard.append((value, origin)))
    for value in ("known-before", "s3cret-of-r1", "s3cret-of-r1", "abc"):
        redactor.add(value, "password of r1")
    assert heard == [("s3cret-of-r1", "password of r1")]


def test_a_secret_that_json_spells_otherwise_is_found_in_a_json_text() -> None:
    redactor = Redactor(['back\\slash "quoted"', "näive\tpassword"])
    for secret in ('back\\slash "quoted"', "näive\tpassword"):
        assert redactor.may_be_in(json.dumps({"line": f"username a secret {secret}!"}, ensure_ascii=False))
    assert not redactor.may_be_in(json.dumps({"line": "no secret here"}, ensure_ascii=False))


def test_a_secret_can_be_referred_to_by_where_it_comes_from() -> None:
    redactor = Redactor(["unnamed-secret"])
    redactor.add("s3cret-of-r1", "password of r1")
    redactor.add("s3cret-of-r1", "password of r2")
    encoded = base64.b64encode(b"s3cret-of-r1").decode()
    line = f"username x password s3cret-of-r1 {encoded} unnamed-secret"
    assert redactor.referred(line) == f"username x password <password of r1> <password of r1> {MASK}"
    assert redactor.text(line) == f"username x password {MASK} {MASK} {MASK}"
