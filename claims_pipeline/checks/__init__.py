"""What must be true of an asset."""
