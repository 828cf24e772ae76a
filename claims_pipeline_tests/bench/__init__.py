"""What the benchmark itself must hold, and a small work of it within its bounds."""
