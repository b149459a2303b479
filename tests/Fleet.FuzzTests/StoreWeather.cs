using System.Diagnostics;
using Fleet.UnitTests.Gateway;

namespace Fleet.FuzzTests;

internal enum Weather
{
    /// <summary>What was written during a turn is durable after it.</summary>
    Fine,

    /// <summary>A commit takes until the weather changes.</summary>
    Slow,

    /// <summary>Each write fails: the disk is full, or broken.</summary>
    Failing,
}

/// <summary>
/// How the stores of sessions and of retained messages do. They never answer during a turn, and after it they are waited for until they have, or cannot
/// for now: what another thread does must not decide what a seed means.
/// </summary>
internal sealed class StoreWeather(GatewayParts parts)
{
    /// <summary>Longer than the journal's longest pause between two attempts.</summary>
    private static readonly TimeSpan UntilNextAttempt = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Hang = TimeSpan.FromSeconds(20);

    public Weather Now { get; private set; }

    public void Become(Weather weather)
    {
        Now = weather;
        var failure = weather == Weather.Failing ? new IOException("The disk is full.") : null;
        (parts.Sessions.Failure, parts.Store.Failure) = (failure, failure);
        if (weather == Weather.Slow) Hold();
        else Release();
        AwaitQuiet();
        // What failed before is tried again by the clock.
        if (weather == Weather.Fine && parts.Journal.IsFailing) parts.Time.Advance(UntilNextAttempt);
        AwaitQuiet();
    }

    public void During(Action turn)
    {
        Hold();
        try
        {
            turn();
        }
        finally
        {
            if (Now != Weather.Slow) Release();
            AwaitQuiet();
        }
    }

    /// <summary>The process is gone, with what it had not written.</summary>
    public void End()
    {
        (parts.Sessions.Failure, parts.Store.Failure) = (null, null);
        Release();
        Await(() => parts.Sessions.Waiting == 0);
    }

    private void Hold()
    {
        if (!parts.Store.IsHeld) parts.Store.Hold();
        if (!parts.Sessions.IsHeld) parts.Sessions.Hold();
    }

    private void Release()
    {
        parts.Store.Release();
        parts.Sessions.Release();
    }

    private void AwaitQuiet() => Await(() => IsJournalQuiet() && IsRetainedQuiet());

    private static void Await(Func<bool> condition)
    {
        if (condition()) return;
        var clock = Stopwatch.StartNew();
        // A thousand turns a second: to sleep for a millisecond is too long.
        for (var spin = default(SpinWait); !condition(); spin.SpinOnce(sleep1Threshold: -1))
        {
            if (clock.Elapsed > Hang) throw new FuzzFailedException("A store hangs.");
        }
    }

    /// <summary>Nothing is left to write, or a batch is held up, or the next attempt waits for the clock: nothing else here has a timer.</summary>
    private bool IsJournalQuiet() => parts.Journal.Flushed().IsCompleted || (parts.Sessions is { IsHeld: true, Waiting: > 0 }) || parts.Time.Timers > 0;

    private bool IsRetainedQuiet() => parts.Retained.Flushed().IsCompleted || parts.Store is { IsHeld: true, Waiting: > 0 };
}
