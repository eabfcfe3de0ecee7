"""JSON Schemas of policy and client directory, for editors. Made from the types that read the files, never by hand."""

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from rules.clientfile import DirectoryFile
from rules.policy import PolicyFile

FOLDER = Path(__file__).parent
SCHEMAS: dict[str, type[BaseModel]] = {"policy.schema.json": PolicyFile, "clients.schema.json": DirectoryFile}


def schema(model: type[BaseModel]) -> str:
    """As it stands in the file."""
    described: dict[str, Any] = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return json.dumps(described | model.model_json_schema(by_alias=True), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, described in SCHEMAS.items():
        (FOLDER / name).write_text(schema(described), encoding="utf-8")
