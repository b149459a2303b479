using System.Diagnostics.CodeAnalysis;
using Fleet.Mqtt;

namespace Fleet.Gateway.Retained;

/// <summary>Goes round the topics for messages that have expired, and again. Guarded by its owner's lock.</summary>
internal sealed class RetainedPurge
{
    /// <summary>What cannot be removed from the store is left alone for so long.</summary>
    private const long PauseMs = 60_000;

    private static readonly TopicFilter Everything = TopicFilter.Parse("#");

    private TopicWalk<RetainedPublication>? _walk;
    private long _pausedUntil;

    /// <summary>Goes on with the round, or begins the next.</summary>
    /// <returns>False: it pauses.</returns>
    public bool Begin(RetainedTree<RetainedPublication> tree, long now)
    {
        if (now < _pausedUntil) return false;
        if (_walk is null or { IsOver: true }) _walk = tree.Walk(Everything);
        return true;
    }

    /// <param name="looks">How many topics may be looked at; what is left of it afterwards.</param>
    /// <returns>False if the round is over, or no look is left.</returns>
    public bool TryNext(
        RetainedTree<RetainedPublication> tree, ref int looks, long expiredBy, [NotNullWhen(true)] out RetainedPublication? expired)
    {
        while (tree.TryNext(_walk!, ref looks, out expired))
        {
            if (expired.IsExpired(expiredBy)) return true;
        }
        return false;
    }

    /// <summary>What it found could not be removed.</summary>
    /// <returns>Whether it pauses from now on; false: it does already.</returns>
    public bool Pause(long now)
    {
        if (now < _pausedUntil) return false;
        _pausedUntil = now + PauseMs;
        return true;
    }
}
