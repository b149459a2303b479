using System.ComponentModel.DataAnnotations;

namespace Fleet.Gateway.Journal;

/// <summary>What may be on its way to the store of sessions: of the section <c>Fleet:Gateway</c>.</summary>
internal sealed class JournalOptions
{
    /// <summary>
    /// Bytes of messages on their way to the store, for all persistent sessions together; above this, messages for them are refused (0x97).
    /// Two seconds of a slow disk.
    /// </summary>
    [Range(65_536, int.MaxValue)] public int MaxJournalBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>
    /// For so long messages of QoS 1 for persistent sessions whose clients are there wait to be written: what is acknowledged before need
    /// not be. A commit takes about as long. 0: they are written at once.
    /// </summary>
    [Range(0, 100)] public int JournalWindowMilliseconds { get; set; } = 2;
}
