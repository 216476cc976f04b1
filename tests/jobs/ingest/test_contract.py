import re
from pathlib import Path

import pytest

from jobs.ingest import contract
from jobs.lake.schema.tables import TABLES

DOCUMENT = Path(__file__).parents[3] / "docs" / "input-contract.md"


def test_the_document_has_every_reason_and_no_other():
    table = DOCUMENT.read_text().split("## Refused rows")[1]
    assert set(re.findall(r"^\| (\w+) \|", table, re.MULTILINE)) - {"reason"} == set(contract.REASONS)


@pytest.mark.parametrize("source", [contract.IMPRESSIONS, contract.ITEMS, contract.COVERS], ids=lambda s: s.name)
def test_the_document_has_every_column(source):
    columns = DOCUMENT.read_text().split("## Columns")[1].split("## How values")[0]
    assert all(re.search(rf"\b{field.name}\b", columns) for field in source.fields)


def test_what_the_lake_demands_of_impressions_the_contract_demands():
    demanded = {field.name for field in TABLES["impressions"].schema if not field.nullable} - {"ds"}
    assert {field.name for field in contract.IMPRESSIONS.fields if field.required} == demanded
