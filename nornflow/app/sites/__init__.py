"""Runs whose devices lie at several sites: the run's owner orders, workers of each site do, all of it through the store."""
