"""The store adapter: run records and cached results, as files in the workspace."""
