"""Sealing a plan: one canonical text, its hash, and the bytes of a plan file; and opening such a file, or refusing it."""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections.abc import Mapping
from dataclasses import fields, replace
from datetime import datetime
from typing import Any

from nornflow.errors import PlanInvalid
from nornflow.model.decision import Decision, Verdict
from nornflow.model.plain import plain
from nornflow.model.plan import Plan
from nornflow.model.run import StepResult
from nornflow.model.sealed import FORMAT, SealedPlan, Signature
from nornflow.model.shape import demand_shape

_LARGE = 1_000_000
"""From how many bytes on a plan file is compressed."""
_LONGEST = 512 * 1024 * 1024
"""Bytes to which a plan file may unfold; whoever hands us one may have made it for harm."""
_GZIP = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff"
"""The only header that a compressed plan file may have (RFC 1952): no name, no time."""
_OUTSIDE = frozenset(("signatures", "hash"))
_AGAIN = "plan again, or get the file once more from where it was made"


def canonical(value: Any) -> str:
    """Return the one JSON text of a value: keys sorted by code point, no blanks, nothing escaped that need not be."""
    return json.dumps(plain(value), ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def sealed(plan: SealedPlan) -> SealedPlan:
    """Return the plan with the hash of what it says."""
    return replace(plan, hash=hash_of(_content(plan)))


def hash_of(content: Any) -> str:
    """Return the SHA-256 of the content of a plan, in hexadecimal."""
    return hashlib.sha256(canonical(content).encode()).hexdigest()


def written(plan: SealedPlan) -> bytes:
    """Return the bytes of a plan file: canonical JSON, compressed when it is large."""
    signatures = [plain(each) for each in plan.signatures]
    envelope = {"format": FORMAT, "hash": plan.hash, "signatures": signatures, "content": _content(plan)}
    data = canonical(envelope).encode() + b"\n"
    return _GZIP + gzip.compress(data, mtime=0)[len(_GZIP) :] if len(data) >= _LARGE else data


def looks_like_plan(beginning: bytes) -> bool:
    """Tell whether a file that begins so may be a plan file; that it is one only opening it tells."""
    return beginning.startswith((b'{"content":{', _GZIP[:2]))


def opened(data: bytes, name: str) -> SealedPlan:
    """Return the plan of a file; PlanInvalid when a single byte is not what was written, or the format is another."""
    text = _unfolded(data, name)
    envelope = _json(text, name)
    form = envelope.get("format")
    if form != FORMAT:
        if isinstance(form, str) and form.startswith("nornflow-plan/"):
            raise PlanInvalid(
                f"{name} is a plan of the format {form}, this NornFlow reads {FORMAT}",
                hint="apply it with the NornFlow that made it, or plan again",
            )
        raise PlanInvalid(f"{name} is not a plan file", hint="nornflow plan WORKFLOW -o FILE makes one")
    if _canonical_or_none(envelope) != text:
        raise PlanInvalid(f"{name} was changed after it was sealed: it is not written as it was", hint=_AGAIN)
    content = envelope.get("content")
    digest = hash_of(content)
    if envelope.get("hash") != digest:
        raise PlanInvalid(
            f"{name} was changed after it was sealed: its hash is not that of what it says",
            hint=_AGAIN,
        )
    try:
        _demand_shape(envelope)
        plan = _plan(envelope["content"], digest, envelope["signatures"])
        _demand_coherent(plan.plan)
    except (KeyError, TypeError, ValueError) as error:
        said = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise PlanInvalid(f"{name} does not hold what a plan file holds: {said}", hint=_AGAIN) from None
    return plan


def _canonical_or_none(envelope: Mapping[str, Any]) -> bytes | None:
    try:
        return canonical(envelope).encode() + b"\n"
    except ValueError:  # nested deeper than anything that we write
        return None


def _demand_shape(envelope: Mapping[str, Any]) -> None:
    """Raise KeyError or ValueError unless everything is of the type that it is taken for later."""
    demand_shape(envelope["signatures"], tuple[Signature, ...], "signatures")
    content = envelope["content"]
    demand_shape(content, SealedPlan, "content")
    wanted = {field.name for field in fields(SealedPlan)} - _OUTSIDE
    if content.keys() != wanted:
        raise ValueError(f"content: {', '.join(sorted(content.keys() ^ wanted))} is missing in it, or too much")
    demand_shape(content["decisions"], tuple[Decision, ...], "decisions")
    approved = content["approved"]
    demand_shape(approved["plan"], Plan, "plan")
    demand_shape(approved["results"], Mapping[str, Mapping[str, StepResult]], "results")
    demand_shape(approved["hashes"], Mapping[str, str], "hashes")


def _demand_coherent(plan: Plan) -> None:
    """Raise ValueError for a plan that says two things of one device, which no planning makes."""
    hosts = [host.host for host in plan.hosts]
    if len(set(hosts)) != len(hosts):
        raise ValueError("plan.hosts names a device twice")
    for host in plan.hosts:
        steps = [step.step for step in host.steps]
        if len(set(steps)) != len(steps) or any(step.host != host.host for step in host.steps):
            raise ValueError(f"what is planned for {host.host} names a step twice, or another device")
        if any(step.digests and len(step.digests) != len(step.lines) for step in host.steps):
            raise ValueError(f"there is not one digest for each line of {host.host}")


def _content(plan: SealedPlan) -> dict[str, Any]:
    return {field.name: plain(getattr(plan, field.name)) for field in fields(plan) if field.name not in _OUTSIDE}


def _plan(content: Mapping[str, Any], digest: str, signatures: Any) -> SealedPlan:
    return SealedPlan(
        **{
            **content,
            "created_at": datetime.fromisoformat(content["created_at"]),
            "authors": tuple(content["authors"]),
            "decisions": tuple(
                Decision(**{**each, "verdict": Verdict(each["verdict"])}) for each in content["decisions"]
            ),
            "signatures": tuple(Signature(**each) for each in signatures),
            "hash": digest,
        }
    )


def _unfolded(data: bytes, name: str) -> bytes:
    if not data.startswith(_GZIP[:2]):
        return data
    if not data.startswith(_GZIP):
        raise PlanInvalid(f"{name} was changed after it was sealed: it is not compressed as it was", hint=_AGAIN)
    unfolding = zlib.decompressobj(wbits=31)
    try:
        text = unfolding.decompress(data, _LONGEST)
    except zlib.error as error:
        raise PlanInvalid(f"{name} was changed or cut off after it was sealed: {error}", hint=_AGAIN) from None
    if unfolding.unconsumed_tail or not unfolding.eof or unfolding.unused_data:
        raise PlanInvalid(f"{name} is cut off, or holds more than a plan", hint=_AGAIN)
    return text


def _json(text: bytes, name: str) -> dict[str, Any]:
    try:
        envelope = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PlanInvalid(f"{name} is not a plan file, or is cut off: {error}", hint=_AGAIN) from None
    if not isinstance(envelope, dict):
        raise PlanInvalid(f"{name} is not a plan file", hint="nornflow plan WORKFLOW -o FILE makes one")
    return envelope
