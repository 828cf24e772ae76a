"""From claims to the commit: comparing with Salesforce, sending, and proving that every claim arrived.

`settle` is the order of it. Of the report's claims: `bring`, `standing`, `apart`, `send`, `kept`. Of claims beyond the
report: `beyond`, `missing`, `relink`, `rematch`. The proof, and what is stored: `org_sums`, `synced`, `status_row`.
"""
