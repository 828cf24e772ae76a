"""The steps of a sync as plain functions over clients and storage: fetch, map payors, transform, send, commit.

What belongs here: the order of things, and the proofs that nothing was lost between them. Not here: what becomes of
a row (`claims`), how a system is spoken to (`clients`), or who asks (`assets`, `cli`, `lambda_handler`).
"""
