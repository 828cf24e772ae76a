"""What must be true of an asset. The blocking checks run inside the asset's own step, before anything is written."""
