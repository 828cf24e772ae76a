"""The Salesforce side (`salesforce/`), as far as it can be proved without an org."""
