"""The contract for machines: valid by the standard's own schema, and what the code checks."""

import json
from importlib.resources import files
from pathlib import Path

import yaml
from jsonschema import Draft201909Validator
from open_data_contract_standard.model import OpenDataContractStandard
from typer.testing import CliRunner

from jobs.cli.main import app
from jobs.ingest.contract import COVERS, IMPRESSIONS, ITEMS, REASONS
from jobs.ingest.odcs import as_yaml, document

KEPT = Path(__file__).parents[3] / "docs" / "input-contract.odcs.yaml"


def test_it_is_valid_by_the_standards_own_schema():
    schema = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_text())
    Draft201909Validator(schema).validate(document())
    broken = document() | {"kind": "Contract"}
    assert not Draft201909Validator(schema).is_valid(broken)


def test_another_program_reads_every_column_of_it():
    read = OpenDataContractStandard.from_string(as_yaml())
    assert [table.name for table in read.schema_] == ["impressions", "items", "covers"]
    for table, source in zip(read.schema_, (IMPRESSIONS, ITEMS, COVERS), strict=True):
        assert [each.name for each in table.properties] == [each.name for each in source.fields]
        assert [each.required for each in table.properties] == [each.required for each in source.fields]
        keys = sorted((each.primaryKeyPosition, each.name) for each in table.properties if each.primaryKey)
        assert tuple(name for _, name in keys) == source.key
    told = {each.property: each.value for each in read.customProperties}
    assert told == {f"quarantine.{name}": about for name, about in REASONS.items()}


def test_the_file_in_the_docs_is_what_the_command_prints():
    printed = CliRunner().invoke(app, ["inspect", "--contract"])
    assert printed.exit_code == 0
    assert KEPT.read_text(encoding="utf-8") == printed.stdout
    assert yaml.safe_load(printed.stdout) == document()
