using System.ComponentModel.DataAnnotations;

namespace Fleet.Silo.Storage;

/// <summary>Section <c>Fleet:Storage</c>.</summary>
internal sealed class StorageOptions
{
    /// <summary>Most writes per transaction. At 5 µs each, 512 keep the writer at work for about as long as one fsync takes.</summary>
    [Range(1, 10_000)] public int MaxBatch { get; set; } = 512;

    /// <summary>Most writes that wait; whoever comes after them waits for a place, which slows the source down rather than filling the memory.</summary>
    [Range(1, 1_000_000)] public int MaxQueued { get; set; } = 8_192;

    /// <summary>How long a write waits for another program that holds the database's lock, before it fails.</summary>
    [Range(1, 300)] public int LockTimeoutSeconds { get; set; } = 5;

    /// <summary>Pages (4 KiB) in the write-ahead log after which they are copied into the database. More means fewer, longer pauses. SQLite's default is 1,000.</summary>
    [Range(100, 1_000_000)] public int CheckpointPages { get; set; } = 4_000;

    /// <summary>Most pages (4 KiB) the database may have; writes that need more fail as on a full disk. The default is SQLite's limit, 4 TiB.</summary>
    [Range(256, 1_073_741_823)] public int MaxPages { get; set; } = 1_073_741_823;
}
