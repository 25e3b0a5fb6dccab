"""Plan files on disk: read whole or refused, written whole or not at all; and the keys that sign them."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from secrets import token_hex

from nornflow.app.services.spec import Spec
from nornflow.errors import PlanInvalid, PolicyDenied, UsageError
from nornflow.model.sealed import SealedPlan
from nornflow.model.shape import demand_shape
from nornflow.planning.seal import looks_like_plan, opened, written
from nornflow.planning.signing import demand_private, demand_signature, fingerprint, genuine, sign

_MOST = 256 * 1024 * 1024
_OTHER = "make room, or name another file: -o FILE"


def read_plan(file: Path, key: Path | None = None) -> SealedPlan:
    """Return the plan of a file, with `key` only when its holder signed it.

    UsageError when the file cannot be read, PlanInvalid when it is not what was sealed, PolicyDenied when a signature
    is not genuine or not the one that is asked for.
    """
    plan = opened(_bytes(file, "the plan"), str(file))
    try:
        demand_shape(plan.spec, Spec, "spec")
        if missing := [name for name in Spec.__dataclass_fields__ if name not in plan.spec]:
            raise ValueError(f"spec.{missing[0]} is missing")
    except ValueError as error:
        raise PlanInvalid(
            f"{file} does not hold what a plan file holds: {error}", hint="plan again, or get it from where it was made"
        ) from None
    for signature in plan.signatures:
        if not genuine(plan, signature):
            raise PolicyDenied(
                f"{file}: the signature by {fingerprint(signature.key)} is not one of this plan",
                hint="it was changed, or signed something else: get the plan from where it was made",
            )
    if key is not None:
        demand_signature(plan, _bytes(key, "the public key"), str(key))
    return plan


def demand_place(file: Path, key: Path | None = None) -> None:
    """Raise UsageError when a plan cannot be written to a file, or signed: before devices are asked for minutes.

    What is there already is replaced only when it is a plan: `-o` was not meant for the workflow.
    """
    if key is not None:
        demand_private(_bytes(key, "the key"), str(key))
    try:
        if not file.parent.is_dir():
            raise UsageError(f"the plan could not be written to {file}: there is no folder {file.parent}", hint=_OTHER)
        if not file.is_symlink() and not file.exists():
            return
        with file.open("rb") as stream:
            found = os.fstat(stream.fileno())
            ours = stat.S_ISREG(found.st_mode) and (not found.st_size or looks_like_plan(stream.read(64)))
    except OSError as error:
        raise UsageError(f"the plan could not be written to {file}: {error.strerror}", hint=_OTHER) from error
    if not ours:
        raise UsageError(f"{file} is there already, and is no plan: it is not overwritten", hint=_OTHER)


def write_plan(file: Path, plan: SealedPlan, key: Path | None = None) -> SealedPlan:
    """Write a plan file, signed with `key` if there is one, and return the plan; UsageError when it cannot be written.

    The file is there whole or not at all: a disk that is full leaves what was there before.
    """
    if key is not None:
        plan = sign(plan, _bytes(key, "the key"), str(key))
    temporary = file.with_name(f".plan-{token_hex(8)}")  # nobody can have put a link there before
    try:
        try:
            with temporary.open("xb") as stream:
                stream.write(written(plan))
                stream.flush()
                os.fsync(stream.fileno())
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"the plan could not be written to {file}: {error.strerror}", hint=_OTHER) from error
    return plan


def read_key(file: Path) -> bytes:
    """Return what a file with a public key holds; UsageError when it cannot be read."""
    return _bytes(file, "the public key")


def _bytes(file: Path, what: str) -> bytes:
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe may never end, or never begin
            raise UsageError(f"{what} cannot be read from {file}: it is not a file", hint="is the path right?")
        if found.st_size > _MOST:
            raise UsageError(f"{file} is larger than any plan", hint="is it the right file?")
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{what} cannot be read from {file}: {error.strerror}", hint="is the path right?") from error
