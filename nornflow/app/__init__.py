"""The use cases of NornFlow and the one place that wires everything together."""
