"""The pipeline under faults: broken networks, full disks, killed processes."""
