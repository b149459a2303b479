using System.ComponentModel.DataAnnotations;

namespace Fleet.Silo.Storage;

/// <summary>Section <c>Fleet:Storage</c>.</summary>
internal sealed class StorageOptions
{
    public const string Section = "Fleet:Storage";

    public const string Sqlite = "sqlite";
    public const string Postgres = "postgres";
    public const string AdoNet = "adonet";

    /// <summary>
    /// sqlite: the file fleet.db in the data directory. postgres: the database of <see cref="ConnectionString"/>. adonet: as postgres, with
    /// grain states in the table of Orleans' own provider (docs/cluster.md).
    /// </summary>
    public string Provider { get; set; } = Sqlite;

    /// <summary>Of the PostgreSQL database, as Npgsql takes it: <c>Host=db;Username=fleet;Password=…;Database=fleet</c>.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>Most writes per transaction. At 5 µs each, 512 keep the writer at work for about as long as one fsync takes.</summary>
    [Range(1, 10_000)] public int MaxBatch { get; set; } = 512;

    /// <summary>
    /// Most writes that wait; whoever comes after them waits for a place, which slows the source down rather than filling the memory.
    /// </summary>
    [Range(1, 1_000_000)] public int MaxQueued { get; set; } = 8_192;

    /// <summary>PostgreSQL: how long a statement may take, in seconds, before it counts as failed.</summary>
    [Range(1, 300)] public int CommandTimeoutSeconds { get; set; } = 15;

    /// <summary>SQLite: how long a write waits for another program that holds the database's lock, in seconds, before it fails.</summary>
    [Range(1, 300)] public int LockTimeoutSeconds { get; set; } = 5;

    /// <summary>
    /// SQLite: pages (4 KiB) in the write-ahead log after which they are copied into the database. More means fewer, longer copies, and
    /// that a page that is written again and again is copied once; the log takes up to four times as many. SQLite's default is 1,000.
    /// </summary>
    [Range(100, 1_000_000)] public int CheckpointPages { get; set; } = 16_000;

    /// <summary>
    /// SQLite: most pages (4 KiB) the database may have; writes that need more fail as on a full disk. The default
    /// is SQLite's limit, 4 TiB.
    /// </summary>
    [Range(256, 1_073_741_823)] public int MaxPages { get; set; } = 1_073_741_823;
}
