"""The Lambda function: an event in, each customer's sync, counts out.

`event` is what it may be asked, `invocation` the order of things, `turns` that one event is dealt with once, `outcomes`
what is answered and raised, `continuing` how it goes on beyond its time-out; `logs`, `metrics` and `tracing` what its
operators see. Not here: the steps of a sync (`sync`), nor the zip (`packaging`).
"""
