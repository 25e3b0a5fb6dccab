"""Growing batches of devices, held to thresholds, perhaps on trial."""
