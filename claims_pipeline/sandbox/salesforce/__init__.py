"""The stand-in for Salesforce: an org made from our metadata, and the REST, SOAP and OAuth surface over it.

What belongs here: what Salesforce documents of these surfaces. Not here: anything known from our own clients.
"""
