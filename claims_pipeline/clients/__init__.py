"""One outside system a module: CollaborateMD, Salesforce, the sync state in DynamoDB."""
