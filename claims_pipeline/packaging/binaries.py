"""Binaries: what a shared library of the package asks of the system that it is to run on.

What belongs here: reading it out of the file. Not here: what a runtime has (`contents`), nor the verdict (`checking`).
"""

import re
from dataclasses import dataclass
from io import BytesIO

from elftools.common.exceptions import ELFError
from elftools.elf.dynamic import DynamicSection
from elftools.elf.elffile import ELFFile
from elftools.elf.gnuversions import GNUVerNeedSection

from claims_pipeline.packaging.contents import Version

ELF = b"\x7fELF"
_MACHINES = {"EM_X86_64": "x86_64", "EM_AARCH64": "aarch64"}
_SYMBOL = re.compile(r"(GLIBC|GLIBCXX)_(\d+(?:\.\d+)*)")
_OF_PYTHON = re.compile(r"\.cpython-3(\d+)")


@dataclass(frozen=True)
class Binary:
    """A shared library: for which machine, the newest symbol versions it needs, and the libraries that it loads."""

    name: str
    machine: str
    glibc: Version
    glibcxx: Version
    needs: tuple[str, ...]

    @property
    def python(self) -> str | None:
        """The one version of Python that can load it; None for all (abi3), and for what is no extension module."""
        found = _OF_PYTHON.search(self.name)
        return f"3.{found[1]}" if found is not None else None


class BinaryUnreadable(Exception):
    """It begins as an ELF file does, and is none."""


def read_binary(name: str, content: bytes) -> Binary:
    """What the file asks for."""
    try:
        file = ELFFile(BytesIO(content))
        machine = str(file["e_machine"])
        asked = [
            str(each.name)
            for section in file.iter_sections()
            if isinstance(section, GNUVerNeedSection)
            for _, versions in section.iter_versions()
            for each in versions
        ]
        needs = tuple(
            str(tag.needed)  # type: ignore[attr-defined]  # pyelftools names it after the tag
            for section in file.iter_sections()
            if isinstance(section, DynamicSection)
            for tag in section.iter_tags()
            if tag.entry.d_tag == "DT_NEEDED"
        )
    except (ELFError, ValueError, KeyError):
        raise BinaryUnreadable(name) from None
    return Binary(
        name, _MACHINES.get(machine, machine), _newest("GLIBC", asked), _newest("GLIBCXX", asked), needs
    )


def _newest(family: str, asked: list[str]) -> Version:
    found = (_SYMBOL.fullmatch(each) for each in asked)
    versions = (
        tuple(int(part) for part in each[2].split(".")) for each in found if each and each[1] == family
    )
    return max(versions, default=(0,))
