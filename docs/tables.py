"""Writes what the documents say about the code and about each other: `make documents`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ticketing import settings

DOCS = Path(__file__).resolve().parent


def decisions() -> str:
    """Every decision by its title, as a list of links."""
    titles = {each.name: each.read_text().partition("\n")[0] for each in sorted(DOCS.glob("decisions/0*.md"))}
    return "\n".join(f"- [{title.removeprefix('# ')}]({name})" for name, title in titles.items())


@dataclass(frozen=True)
class Part:
    """The part of a document, below docs, that stands between two comments and is made from elsewhere."""

    document: str
    begin: str
    make: Callable[[], str]
    end: str

    @property
    def file(self) -> Path:
        return DOCS / self.document

    def written_into(self, text: str) -> str:
        """The document with this part as it should be. Raises ValueError where the two comments are missing."""
        before, begin, rest = text.partition(self.begin)
        _, end, after = rest.partition(self.end)
        if not begin or not end:
            raise ValueError(f"docs/{self.document} needs the lines {self.begin} and {self.end}")
        return f"{before}{begin}\n\n{self.make()}\n\n{end}{after}"


PARTS = (
    Part(
        "operations/README.md",
        "<!-- settings: written by `make documents` from ticketing/settings.py -->",
        settings.render_table,
        "<!-- end of settings -->",
    ),
    Part(
        "decisions/README.md",
        "<!-- decisions: written by `make documents` from the titles -->",
        decisions,
        "<!-- end of decisions -->",
    ),
)

if __name__ == "__main__":
    for part in PARTS:
        part.file.write_text(part.written_into(part.file.read_text()))
        print(f"docs/{part.document} is written.")
