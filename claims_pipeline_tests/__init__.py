"""Tests: they mirror the package's rooms; `journeys/` are whole runs over real HTTP."""
