"""The Metadata API over SOAP: a zip is deployed and asked after, as Salesforce documents it.

What belongs here: the calls `deploy`, `checkDeployStatus`, `cancelDeploy` and `listMetadata`, and what a deployed
package does to the org. Not here: running Apex or showing pages, which the sandbox cannot.
"""
