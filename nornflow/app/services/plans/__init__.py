"""Sealed plans: made, looked at, compared, approved and applied."""
