"""What carries jobs on when a process dies: over the store alone (`inline`), or over DBOS (`dbos`)."""
