"""Frozen values without I/O: what a workflow, a run, a plan, a decision, an event and a permission are."""
