"""The benchmark: what the pipeline costs, against the sandbox, beside a floor and beside what people would use instead.

What belongs here: works, bounds, and how they are measured; run by `make bench`. Speed is never tested, only measured
here, as ratios within one run; memory and API calls of a small work are tested (`claims_pipeline_tests/bench`).
"""
