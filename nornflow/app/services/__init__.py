"""Use cases: one verb each, called by the command line and by anything else that drives NornFlow."""
