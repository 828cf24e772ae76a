"""The org's metadata that is neither object nor field: Apex classes, pages, tabs, layouts, list views and the like.

What belongs here: which of them stand in the org, and what each was last deployed as. Not here: judging them
(`metadata_api`); the sandbox runs no Apex and shows no page.
"""

from dataclasses import dataclass, field


@dataclass
class Components:
    """Standing components: (type, full name) -> a digest of what was deployed."""

    standing: dict[tuple[str, str], str] = field(default_factory=dict)

    def has(self, type_name: str, full_name: str) -> bool:
        """Whether the org has it; names are told apart without regard to case."""
        return any((kind, name.lower()) == (type_name, full_name.lower()) for kind, name in self.standing)

    def names(self, type_name: str) -> list[str]:
        """The full names of a type's components."""
        return sorted(name for kind, name in self.standing if kind == type_name)
