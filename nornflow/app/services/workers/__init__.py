"""Runs that are left to workers, and the workers."""
