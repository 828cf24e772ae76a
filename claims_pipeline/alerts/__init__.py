"""Alerts: what people are told without asking, once an event and customer, and that it is well again.

`kinds` is the list of events with their words, `finding` what stands of them, `choosing` what of it is news, `payors`
which payors wait, `messages` how it reads, `sending` how it leaves, `telling` the order of these. Not here: when anyone
looks (`automation`, `lambda_door`, `cli`), nor what was told before (`clients.sync_state`). A message holds numbers and
names of customers, counts, dollars, codes and ids: no claim's value, no payor's name, no error's own text.
"""
