from pathlib import Path

from db.base import table_of
from db.describe import describe
from db.tables import Base


def test_the_page_of_tables_is_fresh() -> None:
    page = Path(__file__).parents[2] / "docs" / "tables.md"
    assert page.read_text(encoding="utf-8") == describe(), "run `python -m db.describe > docs/tables.md`"


def test_every_table_and_column_says_what_it_is() -> None:
    for mapper in Base.registry.mappers:
        assert (mapper.class_.__doc__ or "").startswith(("One row a ", "One row an "))
        for column in table_of(mapper.class_).columns:
            assert column.doc, f"{column.table.name}.{column.name}"


def test_the_page_holds_every_column() -> None:
    page = describe()
    for table in Base.metadata.sorted_tables:
        section = page.split(f"### {table.fullname}\n")[1].split("\n### ")[0]
        assert all(f"| {column.name} |" in section for column in table.columns)
