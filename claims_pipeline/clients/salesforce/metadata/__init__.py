"""Our metadata on its way into an org: the source, the package, the deployment, and what the org has of it.

What belongs here: everything that `claims-pipeline salesforce` says to an org. Not here: words and options (`cli`).
"""

from claims_pipeline.clients.salesforce.metadata.assigning import Assignment, PermissionSets
from claims_pipeline.clients.salesforce.metadata.client import (
    DEPLOY_PATIENCE,
    DeployedElsewhere,
    MayNotDeploy,
    MetadataClient,
)
from claims_pipeline.clients.salesforce.metadata.definitions import (
    Definitions,
    FieldDefinition,
    definitions_of,
)
from claims_pipeline.clients.salesforce.metadata.differences import (
    Difference,
    Kind,
    Seen,
    differences,
    untold,
)
from claims_pipeline.clients.salesforce.metadata.envelopes import DeployOptions
from claims_pipeline.clients.salesforce.metadata.package import API_VERSION, MetadataPackage, build_package
from claims_pipeline.clients.salesforce.metadata.scope import THE_PREDECESSORS, Part, Standing
from claims_pipeline.clients.salesforce.metadata.source import (
    Project,
    SourceMissing,
    SourceUnfit,
    read_project,
)
from claims_pipeline.clients.salesforce.metadata.status import (
    ComponentProblem,
    DeployState,
    DeployStatus,
    TestFailure,
)

__all__ = [
    "API_VERSION",
    "DEPLOY_PATIENCE",
    "THE_PREDECESSORS",
    "Assignment",
    "ComponentProblem",
    "Definitions",
    "DeployOptions",
    "DeployState",
    "DeployStatus",
    "DeployedElsewhere",
    "Difference",
    "FieldDefinition",
    "Kind",
    "MayNotDeploy",
    "MetadataClient",
    "MetadataPackage",
    "Part",
    "PermissionSets",
    "Project",
    "Seen",
    "SourceMissing",
    "SourceUnfit",
    "Standing",
    "TestFailure",
    "build_package",
    "definitions_of",
    "differences",
    "read_project",
    "untold",
]
