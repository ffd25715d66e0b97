"""The files of a standalone score table."""

from pathlib import Path


class TableFolder:
    """A score table without its runs, and the card that says where it comes from."""

    def __init__(self, path: Path, mend: str = "export it again") -> None:
        self.path, self.mend = path, mend  # what to do if a file is damaged
        self.table = path / "scores.csv.gz"
        self.identities = path / "identities.json.gz"
        self.studies = path / "studies.json"
        self.card = path / "card.yaml"
        self.before = path.with_name(f"{path.name}_before")
