"""Dagster configuration to clients, and the IO manager over storage; nothing else."""
