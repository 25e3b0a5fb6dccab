"""Going on after a process died: what was done is known again, what was open is settled."""
