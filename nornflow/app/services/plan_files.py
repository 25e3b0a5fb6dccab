"""Plan files on disk: read whole or refused, written whole or not at all; and the keys that sign them."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from nornflow.errors import UsageError
from nornflow.model.sealed import SealedPlan
from nornflow.planning.seal import opened, written
from nornflow.planning.signing import demand_signature, fingerprint, genuine, sign

_MOST = 256 * 1024 * 1024


def read_plan(file: Path, key: Path | None = None) -> SealedPlan:
    """Return the plan of a file, with `key` only when its holder signed it.

    UsageError when the file cannot be read, PlanInvalid when it is not what was sealed, PolicyDenied when a signature
    is not genuine or not the one that is asked for.
    """
    plan = opened(_bytes(file, "the plan"), str(file))
    for signature in plan.signatures:
        if not genuine(plan, signature):
            from nornflow.errors import PolicyDenied

            raise PolicyDenied(
                f"{file}: the signature by {fingerprint(signature.key)} is not one of this plan",
                hint="it was changed, or signed something else: get the plan from where it was made",
            )
    if key is not None:
        demand_signature(plan, _bytes(key, "the public key"), str(key))
    return plan


def write_plan(file: Path, plan: SealedPlan, key: Path | None = None) -> SealedPlan:
    """Write a plan file, signed with `key` if there is one, and return the plan; UsageError when it cannot be written.

    The file is there whole or not at all: a disk that is full leaves what was there before.
    """
    if key is not None:
        plan = sign(plan, _bytes(key, "the key"), str(key))
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as stream:
            stream.write(written(plan))
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise UsageError(
            f"the plan could not be written to {file}: {error.strerror}",
            hint="make room, or name another file: -o FILE",
        ) from error
    return plan


def _bytes(file: Path, what: str) -> bytes:
    try:
        if file.stat().st_size > _MOST:
            raise UsageError(f"{file} is larger than any plan", hint="is it the right file?")
        return file.read_bytes()
    except OSError as error:
        raise UsageError(f"{what} cannot be read from {file}: {error.strerror}", hint="is the path right?") from error
