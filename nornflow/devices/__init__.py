"""The Nornir adapter: inventory, selection, the runner and the guard."""
