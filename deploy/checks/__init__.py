"""What the templates must pass before they land: `make deploy-check`.

What belongs here: running cfn-lint, checkov and cdk-nag over each template as it would be deployed, and holding what
they find against the exceptions. Not here: the exceptions and their reasons (`deploy/exceptions.yaml`), nor what our
own tests assert (`claims_pipeline_tests/deploy`).
"""
