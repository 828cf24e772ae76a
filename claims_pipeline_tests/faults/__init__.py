"""The pipeline under faults, as whole runs. Sampled by `make test`; the long searches are run by `make test-faults`.

Three searches share the room, and each has names of its own:

**Killed, stopped, taken over**, as real processes at every boundary of every step (`test_boundaries`, `test_sample`,
`test_sweep`, `test_takeover`, `test_daemon`, `test_planted_bugs`):

- `boundaries`: what a boundary is, and how a call is named.
- `hooks`: in the pipeline's process: noting each boundary, and dying or stopping at one.
- `orders`, `runner`: what a process is told, and the process itself, by the command line's door or by Dagster's.
- `conditions`, `planted`: what is small in it, and bugs that can be switched on in it.
- `workshop`, `doors`, `code_location`: starting such processes, warm or cold, by which command.
- `days`: reports, and what must become of them.
- `stage`: a sandbox that can be set back to how it stood.
- `judging`: what must be true at a kill, and after the rerun.
- `sweep`: recording the boundaries, and one kill after another.

**Any order of events** (`machine_*`, `test_state_machine*`): two workers, people and the source at work, crashes and
takeovers, against a model of the promises.

**Every fault of the wire, the disk and the state at every place** (`network_*`, `test_network_*`): what it may cost,
what it must say, and that the next run comes right.
"""
