"""`python -m claims_pipeline.cli`."""

from claims_pipeline.cli import main

if __name__ == "__main__":
    main()
