"""As what the templates are checked: each with its defaults, and with everything on that a parameter turns on."""

from deploy.checks.templates import Variant

_KEY = "arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000"
_POOL = "arn:aws:cognito-idp:us-east-1:123456789012:userpool/us-east-1_claims"
_ECS = {
    "ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/claims-pipeline:1",
    "RepositoryArn": "arn:aws:ecr:us-east-1:123456789012:repository/claims-pipeline",
    "BucketName": "claims-storage",
    "KeyArn": _KEY,
    "AlarmsTopicArn": "arn:aws:sns:us-east-1:123456789012:claims-alarms",
    "Customer": "10001001",
    "VpcId": "vpc-1",
    "PublicSubnetIds": "subnet-1,subnet-2",
    "PrivateSubnetIds": "subnet-3,subnet-4",
    "CertificateArn": "arn:aws:acm:us-east-1:123456789012:certificate/1",
    "AllowedCidr": "192.0.2.0/24",
}

VARIANTS = (
    Variant("template.yaml", "new account", {}),
    Variant(
        "template.yaml",
        "private network, several customers",
        {
            "SubnetIds": "subnet-1,subnet-2",
            "SecurityGroupIds": "sg-1",
            "AlarmEmail": "billing@example.com",
            "SeveralCustomers": "yes",
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
    Variant("dagster/ecs.yaml", "signed in by Cognito", {**_ECS, "CognitoUserPoolArn": _POOL}),
    Variant("dagster/ecs.yaml", "signed in by OIDC", {**_ECS, "OidcIssuer": "https://sign-in.example.com"}),
)
