"""Crashes, takeovers and people at work in any order, and the promises that hold under them."""
