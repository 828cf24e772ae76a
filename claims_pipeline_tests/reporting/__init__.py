"""Tests of the billing lead's report, and of one claim's story."""
