"""The pluggy host: finds plugins one by one and keeps what each of them brings."""
