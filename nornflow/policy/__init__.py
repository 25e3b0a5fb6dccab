"""Profiles, permissions and gates: what may be done, and who says so."""
