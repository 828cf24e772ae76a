"""The steps of a sync as plain functions over clients and storage: fetch, map payors, transform, send, commit.

What belongs here: the order of things (`whole`, `replay`), what a run may do and when (`ready`, `due`, `attempts`),
what is told of it (`summary`, `balance`, `standings`). Rooms: `fetching` (from CollaborateMD to stored rows),
`payors`, `settling` (from claims to the commit), `reconciliation` (source against org, after the fact). Not here:
what becomes of a row (`claims`), how a system is spoken to (`clients`), or who asks (`assets`, `cli`).
"""
