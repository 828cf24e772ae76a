"""Payors over clients and storage: what Salesforce knows of them, who is linked to what, the work list by dollars."""
