"""What NornFlow knows of FRRouting beyond its lines."""
