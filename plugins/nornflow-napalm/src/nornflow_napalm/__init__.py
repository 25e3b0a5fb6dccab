"""Step types for devices that NAPALM drives."""
