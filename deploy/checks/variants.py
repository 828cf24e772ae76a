"""As what the templates are checked: each with its defaults, and with everything on that a parameter turns on."""

from deploy.checks.templates import Variant

_KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"

VARIANTS = (
    Variant("template.yaml", "new account", {}),
    Variant(
        "template.yaml",
        "private network, several customers",
        {
            "SubnetIds": "subnet-1,subnet-2",
            "SecurityGroupIds": "sg-1",
            "AlarmEmail": "billing@example.com",
            "ConfigLayerArn": "arn:aws:lambda:us-east-1:123456789012:layer:claims-config:1",
            "ScheduleState": "ENABLED",
            "FullScheduleState": "ENABLED",
        },
    ),
    Variant(
        "template.yaml",
        "everything adopted",
        {
            "CreateTable": "no",
            "CreateSecret": "no",
            "CreateLogGroup": "no",
            "ExistingBucketName": "claims-storage",
            "ExistingKeyArn": _KEY,
            "ReservedConcurrency": "none",
            "Tracing": "PassThrough",
        },
    ),
    Variant("network.yaml", "new network", {}),
)
