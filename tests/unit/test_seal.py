"""Plan files: what goes in comes out, a single changed byte is seen, and what is no plan is refused in words."""

from __future__ import annotations

import gzip
import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from nornflow.app.services.plans.files import read_plan, write_plan
from nornflow.app.services.spec import Spec
from nornflow.engine.journal import approved_data
from nornflow.errors import NornFlowError, PlanInvalid, PolicyDenied, UsageError
from nornflow.model.decision import Decision, Verdict
from nornflow.model.plan import HostPlan, Method, Plan, PlannedStep, Rehearsal
from nornflow.model.sealed import SealedPlan
from nornflow.planning.seal import opened, sealed, written
from nornflow.planning.signing import demand_signature, genuine, sign

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def spec_of(plan: Plan) -> Spec:
    targets = [host.host for host in plan.hosts]
    return Spec("name: ntp\n", "ntp.yaml", "", ".", "standard", inputs=dict(plan.inputs), targets=targets)


def plan_of(hosts: int = 2, lines: int = 3) -> Plan:
    return Plan(
        "ntp",
        "1.0",
        "standard",
        {"servers": ["192.0.2.1"], "note": "ü"},
        tuple(map(_host, range(hosts), [lines] * hosts)),
    )


def _host(number: int, lines: int) -> HostPlan:
    sent = tuple(f"ntp server 192.0.{number % 256}.{line} prefer" for line in range(lines))
    diff = "--- before\n+++ after\n@@ -48,4 +48,4 @@\n" + "".join(f"+{line}\n" for line in sent)
    back = tuple(f"no {line}" for line in sent)
    step = PlannedStep("configure", f"r{number}", sent, "netmiko", diff, Method.MODEL, f"{number:064x}", back)
    rehearsed = Rehearsal(Method.PROVEN, back, "played on a twin in one pass")
    return HostPlan(f"r{number}", "cisco_ios", (step,), pre_hash=f"{number:064x}", rollback=rehearsed)


def made(plan: Plan, **keys: Any) -> SealedPlan:
    given: dict[str, Any] = {
        "created_at": NOON,
        "requester": "ann",
        "authors": ("Bob <bob@example.com>",),
        "versions": {"nornflow-netops": "0.1.0"},
        "spec": spec_of(plan).kept(),
        "decisions": (Decision(Verdict.HOLD, "wants approval", "approval"),),
        "approved": approved_data(plan, {}),
        **keys,
    }
    return sealed(SealedPlan(**given))


SMALL = made(plan_of())
LARGE = made(plan_of(400, 30))


@pytest.mark.parametrize("plan", [SMALL, LARGE], ids=["text", "compressed"])
def test_what_goes_in_comes_out(plan: SealedPlan) -> None:
    again = opened(written(plan), "x.plan")
    assert again == replace(plan, approved=again.approved, spec=again.spec)
    assert (again.plan, again.hash) == (plan.plan, plan.hash)
    assert again.plan == plan_of(len(plan.plan.hosts), len(plan.plan.hosts[0].steps[0].lines))
    assert written(again) == written(plan)


def test_the_same_plan_has_the_same_hash_whatever_the_order_of_its_keys() -> None:
    shuffled = {name: SMALL.approved[name] for name in reversed(list(SMALL.approved))}
    assert sealed(replace(SMALL, approved=shuffled)).hash == SMALL.hash


@settings(max_examples=40)
@given(st.data())
def test_one_changed_byte_is_seen_wherever_it_is(data: st.DataObject) -> None:
    whole = written(data.draw(st.sampled_from([SMALL, LARGE])))
    at = data.draw(st.integers(0, len(whole) - 1))
    changed = bytes((*whole[:at], whole[at] ^ data.draw(st.integers(1, 255)), *whole[at + 1 :]))
    with pytest.raises(PlanInvalid):
        opened(changed, "x.plan")


def test_every_byte_of_a_small_plan() -> None:
    whole = written(SMALL)
    for at in range(len(whole)):
        with pytest.raises(PlanInvalid):
            opened(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :], "x.plan")


@settings(max_examples=20)
@given(st.data())
def test_a_plan_that_is_cut_off_or_continued_is_refused(data: st.DataObject) -> None:
    whole = written(data.draw(st.sampled_from([SMALL, LARGE])))
    end = data.draw(st.integers(0, len(whole) - 1))
    for broken in (whole[:end], whole + whole[:end][-7:] + b"\n"):
        with pytest.raises(PlanInvalid):
            opened(broken, "x.plan")


def bomb() -> bytes:
    raw = gzip.compress(b" " * 2_000_000, mtime=0)
    return written(LARGE)[:10] + raw[10:]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a plan file"),
        (b"name: ntp\n", "not a plan file"),
        (b"[1]\n", "not a plan file"),
        (b'{"a":1}\n', "not a plan file"),
        (b"[" * 100_000, "not a plan file"),
        (b'{"format":"nornflow-plan/99"}\n', "format nornflow-plan/99"),
        (b'{"format":"nornflow-plan/0"}\n', "format nornflow-plan/0"),
        (gzip.compress(b"{}", mtime=1), "not compressed as it was"),
        (bomb(), "not a plan file"),
        (b"\xff\xfe", "not a plan file"),
    ],
)
def test_what_is_no_plan_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(PlanInvalid, match=words) as caught:
        opened(data, "x.plan")
    assert caught.value.hint


def test_a_plan_with_the_right_hash_and_the_wrong_content_is_refused() -> None:
    for broken in ({"plan": {}}, {"plan": {"hosts": [{"host": 1, "steps": [{"lines": [1]}]}]}}, {}):
        data = written(sealed(replace(SMALL, approved=broken)))
        with pytest.raises(PlanInvalid, match="does not hold"):
            opened(data, "x.plan")


def test_a_plan_of_1000_devices_is_small() -> None:
    data = written(made(plan_of(1000, 20)))
    assert len(data) < 5_000_000


class TestSignatures:
    @pytest.fixture
    def key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(bytes(range(32)))

    @pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.OpenSSH])
    def test_signed_and_recognised(self, key: Ed25519PrivateKey, form: PrivateFormat) -> None:
        plan = sign(SMALL, key.private_bytes(Encoding.PEM, form, NoEncryption()), "key")
        assert plan.hash == SMALL.hash
        again = opened(written(plan), "x.plan")
        for encoding, kind in (
            (Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
            (Encoding.OpenSSH, PublicFormat.OpenSSH),
        ):
            demand_signature(again, key.public_key().public_bytes(encoding, kind), "pub")
        assert genuine(again, again.signatures[0])

    def test_a_foreign_or_moved_signature_is_refused(self, key: Ed25519PrivateKey) -> None:
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        signed = sign(SMALL, pem, "key")
        other = Ed25519PrivateKey.from_private_bytes(bytes(32)).public_key()
        public = other.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(PolicyDenied, match="not signed with the key in pub"):
            demand_signature(signed, public, "pub")
        moved = replace(LARGE, signatures=signed.signatures)
        assert not genuine(moved, moved.signatures[0])
        ours = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        with pytest.raises(PolicyDenied):
            demand_signature(moved, ours, "pub")
        with pytest.raises(PolicyDenied, match="is not signed"):
            demand_signature(SMALL, ours, "pub")

    def test_what_is_no_ed25519_key_is_told(self) -> None:
        rsa = generate_private_key(65537, 2048)
        pem = rsa.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        for data in (b"", b"nonsense", pem, b"-----BEGIN PRIVATE KEY-----\n"):
            with pytest.raises(UsageError) as caught:
                sign(SMALL, data, "key.pem")
            assert "key.pem" in caught.value.message
        public = rsa.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        for data in (b"", b"ssh-", public):
            with pytest.raises(UsageError):
                demand_signature(SMALL, data, "key.pub")


class TestFiles:
    def test_a_file_is_there_whole_or_not_at_all(self, tmp_path: Path) -> None:
        file = tmp_path / "x.plan"
        write_plan(file, SMALL)
        with disk_full(), pytest.raises(UsageError, match="could not be written"):
            write_plan(file, LARGE)
        assert read_plan(file).hash == SMALL.hash
        assert list(tmp_path.iterdir()) == [file]

    def test_a_missing_or_strange_file_is_told(self, tmp_path: Path) -> None:
        for path in (tmp_path / "none.plan", tmp_path):
            with pytest.raises(NornFlowError, match="cannot be read"):
                read_plan(path)

    def test_a_signature_that_is_not_genuine_is_refused_though_nobody_asked(self, tmp_path: Path) -> None:
        key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        other = replace(made(plan_of(1)), signatures=sign(SMALL, pem, "key").signatures)
        (tmp_path / "x.plan").write_bytes(written(other))
        with pytest.raises(PolicyDenied, match="not one of this plan"):
            read_plan(tmp_path / "x.plan")


@contextmanager
def disk_full() -> Iterator[None]:
    """No file may grow beyond a few bytes: the system says EFBIG in the middle of a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_file_is_json_that_anybody_can_read() -> None:
    envelope = json.loads(written(SMALL))
    assert envelope["format"] == "nornflow-plan/1"
    assert envelope["content"]["approved"]["plan"]["hosts"][0]["steps"][0]["lines"][0].startswith("ntp server")
