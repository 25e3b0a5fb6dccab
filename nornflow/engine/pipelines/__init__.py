"""Pipelines of workflows: what is begun when, and who leads them to their end."""
