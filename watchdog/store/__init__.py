"""DuckDB: schema, migrations, writer, rollups, reader."""
