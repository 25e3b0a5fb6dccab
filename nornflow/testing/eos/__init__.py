"""Simulated Arista-EOS-like devices that speak eAPI: configuration sessions, commit timers and rollback."""
