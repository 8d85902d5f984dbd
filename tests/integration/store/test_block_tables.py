"""What we write, against the tables that the real engine has made of the migrations."""

from clickhouse_connect.driver.client import Client

from pipeline.sinks.clickhouse.schema import migrations
from tests.support.table_definitions import faults, migrated, plain, stored
from tests.unit.sinks.blocks.test_block_tables import BLOCKS


def test_every_column_has_its_source_and_its_type_in_the_engine(client: Client) -> None:
    tables = stored(client)
    assert [fault for block in BLOCKS for fault in faults(block, tables[block.table])] == []


def test_definitions_read_from_migrations_are_what_the_engine_makes_of_them(client: Client) -> None:
    tables = stored(client)
    for table, columns in migrated(migrations()).items():
        assert {name: plain(one.type) for name, one in columns.items()} == {
            name: plain(one.type) for name, one in tables[table].items()
        }, table
