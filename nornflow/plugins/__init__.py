"""The pluggy host: finds plugins, lets each register its records, and says who supplied what."""
