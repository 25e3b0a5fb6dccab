"""The engine: walks the graph of steps over batches of devices; it knows no adapter."""
