"""One asset a file: read, call, return with metadata."""
