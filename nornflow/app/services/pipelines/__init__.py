"""Pipelines: read, planned, led, looked at, and their runs begun."""
