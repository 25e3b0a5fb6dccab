"""The devices of a run among several processes."""
