"""What the pipeline costs, measured against the sandbox; run by `make bench`. Nothing here is part of the product."""
