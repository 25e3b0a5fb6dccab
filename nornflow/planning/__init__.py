"""Diffs, predictions and rollbacks worked out on configuration text."""
