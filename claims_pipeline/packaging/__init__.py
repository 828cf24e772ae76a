"""The Lambda package: a zip that is built without Docker, the same to the byte each time, and checked as it is.

`contents` says what is in it and what a runtime takes; `locking` pins every wheel by hash, `wheels` fetches and opens
them, `compiling` spares cold starts, `building` makes the zip; `checking` judges a finished zip, whoever built it: its
`binaries`, its `importing`. Not here: the function itself (`lambda_door`), nor its deployment (`deploy/`).
"""
