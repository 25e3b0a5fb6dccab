"""Signing plans with Ed25519 keys (RFC 8032), and telling whether a plan is signed by a key that is trusted."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from nornflow.errors import PolicyDenied, UsageError
from nornflow.model.sealed import FORMAT, SealedPlan, Signature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_MAKE = "make a pair of keys with: openssl genpkey -algorithm ed25519 -out plan.pem; openssl pkey -in plan.pem -pubout"


def sign(plan: SealedPlan, key: bytes, name: str) -> SealedPlan:
    """Return the plan with a signature by a private key; UsageError as `demand_private`."""
    private = demand_private(key, name)
    public = _text(private.public_key())
    return plan.signed(Signature(public, base64.b64encode(private.sign(_message(plan))).decode()))


def demand_private(key: bytes, name: str) -> Ed25519PrivateKey:
    """Return a private key (PEM or OpenSSH, not encrypted); UsageError when it is none that plans are signed with."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    load = load_ssh_private_key if b"OPENSSH PRIVATE KEY" in key else load_pem_private_key
    try:
        private = load(key, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{name} is not a private key that can be read: {error}", hint=_MAKE) from None
    if not isinstance(private, Ed25519PrivateKey):
        raise UsageError(f"{name} is not an Ed25519 key", hint=_MAKE)
    return private


def demand_signature(plan: SealedPlan, key: bytes, name: str) -> None:
    """Raise PolicyDenied unless the plan is signed by the holder of this public key (PEM or OpenSSH)."""
    wanted = _public(key, name)
    if not plan.signatures:
        raise PolicyDenied("the plan is not signed", hint="seal it with: nornflow plan WORKFLOW -o FILE --sign KEY")
    if is_signed_by(plan, key, name):
        return
    raise PolicyDenied(
        f"the plan is not signed with the key in {name}; it is signed with "
        f"{', '.join(fingerprint(signature.key) for signature in plan.signatures)}",
        hint=f"the key in {name} is {fingerprint(_text(wanted))}: see who made the plan",
    )


def is_signed_by(plan: SealedPlan, key: bytes, name: str) -> bool:
    """Tell whether the holder of this public key (PEM or OpenSSH) signed the plan; UsageError when it is no such key."""
    wanted = _text(_public(key, name))
    return any(signature.key == wanted and genuine(plan, signature) for signature in plan.signatures)


def genuine(plan: SealedPlan, signature: Signature) -> bool:
    """Tell whether a signature is one of this plan by the key that it names, whoever holds that."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(base64.b64decode(signature.key, validate=True))
        key.verify(base64.b64decode(signature.value, validate=True), _message(plan))
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True


def fingerprint(key: str) -> str:
    """Return the name of a public key for people: the beginning of its SHA-256."""
    import hashlib

    return "ed25519:" + hashlib.sha256(key.encode()).hexdigest()[:16]


def _public(key: bytes, name: str) -> Ed25519PublicKey:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key, load_ssh_public_key

    load = load_ssh_public_key if key.startswith(b"ssh-") else load_pem_public_key
    try:
        public = load(key)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UsageError(f"{name} is not a public key that can be read: {error}", hint=_MAKE) from None
    if not isinstance(public, Ed25519PublicKey):
        raise UsageError(f"{name} is not an Ed25519 key", hint=_MAKE)
    return public


def _message(plan: SealedPlan) -> bytes:
    return f"{FORMAT}\n{plan.hash}\n".encode()


def _text(key: Ed25519PublicKey) -> str:
    return base64.b64encode(key.public_bytes_raw()).decode()
