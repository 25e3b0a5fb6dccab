"""The demo: a change that works, the same change again, and one that must be taken back, on routers over real SSH."""
