"""Reporting: what became of the claims, told to the billing lead: a web page, a list of claim ids, one claim's story.

What belongs here: reading what syncs stored and telling it. Not here: making any of it (`sync`), nor the words of codes
(`sync.plain_words`). No Dagster, and not in the Lambda package.
"""
