using System.Buffers;
using System.Text;
using System.Text.Json;
using Fleet.Interfaces.Naming;

namespace Fleet.Gateway.Sessions;

internal enum HeartbeatChange
{
    None,

    /// <summary>2.5 periods without a heartbeat.</summary>
    WentStale,

    /// <summary>A heartbeat after that.</summary>
    CameBack,

    /// <summary>About a minute has passed since the device grain heard of it last.</summary>
    Seen,
}

/// <summary>
/// One device's heartbeats on one connection: <c>fleet/{thing}/heartbeat</c>, <c>{"sequence":n,"periodSeconds":10}</c> or empty. The first
/// of a connection declares the period; a device that never sends one is never stale. Beaten by the connection, judged by the sweep.
/// </summary>
internal sealed class Heartbeat(ThingName thing)
{
    private const double StaleAfterPeriods = 2.5;
    private const int DefaultPeriodSeconds = 10, MaxPeriodSeconds = 3_600, SeenEverySeconds = 60;

    private readonly byte[] _topic = Encoding.UTF8.GetBytes($"fleet/{thing}/heartbeat");
    private long _beatAt, _periodMs, _reportedAt;
    private bool _stale;

    public ReadOnlySpan<byte> Topic => _topic;

    /// <summary>When the last one came, on the monotonic clock.</summary>
    public long LastBeatAt => Volatile.Read(ref _beatAt);

    public void Beat(long now, in ReadOnlySequence<byte> payload)
    {
        if (_periodMs == 0)
        {
            _reportedAt = now;
            Volatile.Write(ref _beatAt, now);
            Volatile.Write(ref _periodMs, ReadPeriod(payload) * 1000L);
            return;
        }
        Volatile.Write(ref _beatAt, now);
    }

    /// <summary>What has changed since the last look. One thread at a time.</summary>
    public HeartbeatChange Look(long now)
    {
        long period = Volatile.Read(ref _periodMs), beatAt = LastBeatAt;
        if (period == 0) return HeartbeatChange.None;
        bool overdue = now - beatAt > period * StaleAfterPeriods;
        if (overdue != _stale)
        {
            _stale = overdue;
            _reportedAt = beatAt;
            return overdue ? HeartbeatChange.WentStale : HeartbeatChange.CameBack;
        }
        if (beatAt <= _reportedAt || now - _reportedAt < SeenEverySeconds * 1000L) return HeartbeatChange.None;
        _reportedAt = beatAt;
        return HeartbeatChange.Seen;
    }

    /// <summary>A heartbeat that cannot be read is a heartbeat still.</summary>
    private static int ReadPeriod(in ReadOnlySequence<byte> payload)
    {
        if (payload.IsEmpty) return DefaultPeriodSeconds;
        try
        {
            var reader = new Utf8JsonReader(payload);
            if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) return DefaultPeriodSeconds;
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                bool period = reader.ValueTextEquals("periodSeconds"u8);
                reader.Read();
                if (period && reader.TokenType == JsonTokenType.Number && reader.TryGetInt32(out int seconds))
                    return Math.Clamp(seconds, 1, MaxPeriodSeconds);
                reader.Skip();
            }
        }
        catch (JsonException)
        {
            return DefaultPeriodSeconds;
        }
        return DefaultPeriodSeconds;
    }
}
