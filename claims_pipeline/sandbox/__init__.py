"""Local stand-ins for CollaborateMD, Salesforce and DynamoDB, over real HTTP(S), to try and rehearse a sync.

Built from the systems' documentation, never from our own clients.
"""
