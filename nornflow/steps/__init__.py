"""What step types over any connection have in common: where lines come from, how they are told, how a login goes wrong."""
