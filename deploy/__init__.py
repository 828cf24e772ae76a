"""What stands in AWS, as code: templates, and the checks that they must pass. No part of the installed package."""
