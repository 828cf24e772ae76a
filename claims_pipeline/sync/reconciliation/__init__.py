"""Does Salesforce hold what the last full fetch held? Compared claim by claim, told by group; nothing is written."""
