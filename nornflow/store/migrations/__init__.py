"""The history of the store's schema, as Alembic migrations that ship with the package."""

REVISIONS = (
    "history_0001",
    "durable_0002",
    "remarks_0003",
    "sealed_0004",
    "holders_0005",
    "pending_0006",
    "caches_0007",
    "waits_0008",
    "reservations_0009",
    "pipelines_0010",
    "workers_0011",
    "sites_0012",
    "blobs_0013",
    "leads_0014",
)
"""Every revision, oldest first; the last one is what this NornFlow works with. Kept here so that a run need not load Alembic."""
