"""Carries claims from CollaborateMD into Salesforce, and proves that every one arrived."""
