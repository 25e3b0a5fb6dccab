"""NornFlow's basic step types."""
