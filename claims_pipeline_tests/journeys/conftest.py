"""The journeys' names for a town and its customers; the fixtures are those of every test."""

from claims_pipeline_tests.town import FIRST, SECOND, Town

__all__ = ["FIRST", "SECOND", "Town"]
