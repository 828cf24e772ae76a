"""Faults that only a process can have: killed, stopped, taken over. Run by `make test-faults`, sampled by `make test`.

What belongs here: the pipeline as a real process, killed at every boundary of every step and run again; the bugs that
are planted so that the sweep can show that it would find them. Not here: faults of the wire or of a system's answers,
which are tried in process (`journeys`, `clients`).

- `boundaries`: what a boundary is, and how a call is named.
- `hooks`: in the pipeline's process: noting each boundary, and dying or stopping at one.
- `runner`: the process itself, by the command line's door or by Dagster's.
- `planted`: bugs that can be switched on in it.
- `workshop`: starting such processes, warm or cold.
- `days`: reports, and what must become of them.
- `stage`: a sandbox that can be set back to how it stood.
- `judging`: what must be true at a kill, and after the rerun.
- `sweep`: recording the boundaries, and one kill after another.
"""
