namespace Fleet.Gateway.Journal;

/// <summary>Where something stands in the journal: it is durable when all up to there is.</summary>
/// <param name="Page">Pages count from 1; 0 was durable before this process began.</param>
internal readonly record struct JournalPosition(long Page)
{
    /// <summary>Durable before this process began.</summary>
    public static JournalPosition LongAgo => default;

    /// <summary>Of what is not noted yet. No page has it, so nothing with it is durable.</summary>
    public static JournalPosition NotNoted { get; } = new(long.MaxValue);

    public static JournalPosition Later(JournalPosition one, JournalPosition other) => one.Page > other.Page ? one : other;
}

internal enum JournalOutcome
{
    Waiting,
    Durable,

    /// <summary>The store fails. It may yet become durable, but nobody may be told that it is.</summary>
    Refused,
}

/// <summary>Waits for the journal: a connection.</summary>
internal interface IJournalWaiter
{
    /// <summary>What it waits for is durable, or refused. Must not wait; any thread may call it.</summary>
    void Wake();
}
