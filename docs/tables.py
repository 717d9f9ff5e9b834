"""Write the parts of the documents that are generated from the code or from other documents: `make documents`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ticketing import settings

DOCS = Path(__file__).resolve().parent


def render_decisions() -> str:
    """Return a list of links to all decisions, by their titles."""
    titles = {each.name: each.read_text().partition("\n")[0] for each in sorted(DOCS.glob("decisions/0*.md"))}
    return "\n".join(f"- [{title.removeprefix('# ')}]({name})" for name, title in titles.items())


@dataclass(frozen=True)
class GeneratedPart:
    """The part of a document in docs/ between two comments, with the function that renders it."""

    document: str
    begin: str
    render: Callable[[], str]
    end: str

    @property
    def file(self) -> Path:
        return DOCS / self.document

    def insert_into(self, text: str) -> str:
        """Return the text with this part up to date. Raises ValueError when a comment is missing."""
        before, begin, rest = text.partition(self.begin)
        _, end, after = rest.partition(self.end)
        if not begin or not end:
            raise ValueError(f"docs/{self.document} needs the lines {self.begin} and {self.end}")
        return f"{before}{begin}\n\n{self.render()}\n\n{end}{after}"


PARTS = (
    GeneratedPart(
        "operations/README.md",
        "<!-- settings: written by `make documents` from ticketing/settings.py -->",
        settings.render_table,
        "<!-- end of settings -->",
    ),
    GeneratedPart(
        "decisions/README.md",
        "<!-- decisions: written by `make documents` from the titles -->",
        render_decisions,
        "<!-- end of decisions -->",
    ),
)

if __name__ == "__main__":
    for part in PARTS:
        part.file.write_text(part.insert_into(part.file.read_text()))
        print(f"docs/{part.document} is written.")
