using System.Text;
using Fleet.Gateway.Retained;
using Fleet.Grains.Index;
using Fleet.Silo.Storage;
using Fleet.Silo.Storage.Postgres;
using Fleet.Silo.Storage.Sqlite;
using Microsoft.Data.Sqlite;

namespace Fleet.UnitTests.Storage;

public sealed class MigrationTests
{
    [Fact]
    public async Task A_database_of_the_first_version_is_brought_up_to_date_with_all_it_holds()
    {
        string folder = Directory.CreateTempSubdirectory("fleet-storage-").FullName;
        try
        {
            SQLitePCL.Batteries_V2.Init();
            using (var old = SqliteSession.Open(Path.Combine(folder, "fleet.db"), SqliteOpenMode.ReadWriteCreate, new StorageOptions(), "journal_mode=WAL"))
            {
                old.Run(SqliteDatabase.Migrations.After(0).First().Sql);
                old.Run("""
                    CREATE TABLE schema_version (version INTEGER NOT NULL PRIMARY KEY, applied_at TEXT NOT NULL);
                    INSERT INTO schema_version VALUES (1, '2026-07-01T12:00:00.0000000Z');
                    INSERT INTO grain_state VALUES ('counter', 'a', '{"count":7}', 41, '2026-07-01T12:00:00.0000000Z');
                    INSERT INTO devices VALUES ('new', 'amr', '1.10.0', 1, 'connected', NULL, '{"line":"12"}'), ('old', 'amr', '1.9.0', NULL, 'never', NULL, '{"line":"x"}');
                    INSERT INTO device_attributes VALUES ('line', '12', 'new'), ('line', 'x', 'old');
                    INSERT INTO retained_messages VALUES ('t', x'31', 0, x'', '2026-07-01T12:00:00.0000000Z', NULL), ('u', x'32', 0, x'', '2026-07-01T12:00:00.0000000Z', NULL);
                    """);
            }

            await using var database = new SqliteTestDatabase(folder);
            var record = await database.Read<CounterState>("counter", "a");
            Assert.Equal((7, "41"), (record.State!.Count, record.ETag));
            await database.Write("counter", "a", new CounterState { Count = 8 }, "41");
            Assert.Equal("new", await Found(database, "firmware>1.9.0"));
            Assert.Equal("new", await Found(database, "line>2"));
            Assert.Equal("old", await Found(database, "line:x"));

            List<RetainedMessage> retained = [];
            await foreach (var message in database.Retained.Load(0, default)) retained.Add(message);
            Assert.Equal("t1 u2", string.Join(' ', retained.Select(m => m.Topic + Encoding.UTF8.GetString(m.Payload.Span))));
            Assert.True(await database.Retained.Delete("t", default) > retained[^1].Version);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public void Both_databases_have_their_steps_in_order_from_1()
    {
        foreach (var migrations in (SchemaMigrations[])[SqliteDatabase.Migrations, PostgresDatabase.Migrations])
            Assert.Equal(Enumerable.Range(1, migrations.Latest), migrations.After(0).Select(step => step.Version));
    }

    private static async Task<string> Found(SqliteTestDatabase database, string query) => string.Join(' ', (await database.Index.Find(
        Assert.IsType<FleetQueryParse.Parsed>(FleetQueryParser.Parse(query)).Query, null, 10, default)).Select(row => row.Thing.Value));
}
