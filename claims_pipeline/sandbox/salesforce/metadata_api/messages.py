"""What a deployment says about each component: the facts of a `DeployMessage`.

What belongs here: the shape of a message. Not here: how it is written as XML (`answers`), nor why it is said
(`package`, `judging`).
"""

from dataclasses import dataclass

PACKAGE_FILE = "package.xml"


@dataclass(frozen=True)
class Message:
    """One component's success, or one problem of it. Lines and columns begin at 1; 0 stands for none."""

    type: str
    file: str
    name: str
    problem: str = ""
    line: int = 0
    column: int = 0
    warning: bool = False
    created: bool = False
    changed: bool = False
    deleted: bool = False

    @property
    def is_error(self) -> bool:
        """Whether the component failed."""
        return bool(self.problem) and not self.warning
