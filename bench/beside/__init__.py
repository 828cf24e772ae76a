"""Side by side: the same claims, into the same sandbox, as people would carry them without this pipeline.

What belongs here: the book, each contender and how it is started, what it told of the rows that the org refuses, and
the table. Not here: how a command is measured (`bench.measuring`), what it works against (`bench.standing`).
"""
