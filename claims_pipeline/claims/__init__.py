"""The claims domain: what must become of every row, claim and payor.

Pure: frames in, frames out. No Dagster, no input or output, no clock.
"""
