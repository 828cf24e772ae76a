// cdk-nag's HIPAA pack over one decided template: node nag.mjs template.json -> violations as JSON on stdout.
import { App, Stack } from "aws-cdk-lib";
import { CfnInclude } from "aws-cdk-lib/cloudformation-include";
import { HIPAASecurityChecks } from "cdk-nag";

const app = new App({ analyticsReporting: false });
const stack = new Stack(app, "Template");
new CfnInclude(stack, "Included", { templateFile: process.argv[2] });
const report = new HIPAASecurityChecks(app).validateScope(app);
const found = report.violations.flatMap((violation) =>
  violation.violatingResources.map((resource) => ({
    rule: violation.ruleName,
    path: resource.constructPath,
    message: violation.description,
  })),
);
process.stdout.write(JSON.stringify(found));
