using System.Diagnostics.Metrics;
using System.Net;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Telemetry;
using Fleet.Interfaces.Telemetry;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.Logging;

namespace Fleet.Gateway.Transport;

/// <summary>
/// The connections of one HTTP listener. When there are too many, the longest idle (before its first request, or between two) of the
/// address that has most of them makes room. Kestrel's own limit counts for the MQTT listeners too, which hold many more by design, and
/// refuses the newcomer.
/// </summary>
internal sealed class HttpSlots(int most, IMeterFactory meters, TimeProvider time, ILogger log)
{
    private readonly Lock _gate = new();
    private readonly FairSlots _slots = new(most);
    private readonly Counter<long> _closed = meters.Create("Fleet.Http").CreateCounter<long>(
        "fleet.http.connections.closed", "{connection}", "Idle HTTP connections closed to make room for others, and refused ones.")
        .StartedAtZero();
    private readonly OncePerMinute _shortages = new(time);

    public ConnectionDelegate Middleware(ConnectionDelegate next) => async connection =>
    {
        var slot = new HttpSlot(this, connection);
        if (!TryTake(slot))
        {
            connection.Abort(new ConnectionAbortedException("Too many connections on this listener."));
            return;
        }
        connection.Features.Set(slot);
        try
        {
            await next(connection);
        }
        finally
        {
            lock (_gate) _slots.Free(slot);
        }
    };

    /// <inheritdoc cref="HttpSlot.Begin"/>
    public void Begin(HttpSlot slot)
    {
        lock (_gate)
        {
            if (slot.Requests++ == 0) _slots.Work(slot);
        }
    }

    /// <inheritdoc cref="HttpSlot.End"/>
    public void End(HttpSlot slot)
    {
        lock (_gate)
        {
            if (--slot.Requests == 0) _slots.Wait(slot);
        }
    }

    private bool TryTake(HttpSlot slot)
    {
        bool isIn;
        Slot? closed;
        lock (_gate) isIn = _slots.TryTake(slot, out closed);
        if (closed is not null || !isIn) _closed.Add(1);
        if (closed is not null && _shortages.IsDue()) log.HttpConnectionsShort(most, RemoteAddress.Of(closed.Network));
        (closed as HttpSlot)?.Close();
        return isIn;
    }
}

/// <summary>One HTTP connection.</summary>
internal sealed class HttpSlot(HttpSlots slots, ConnectionContext connection)
    : Slot((connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None)
{
    /// <summary>Under way; for <see cref="HttpSlots"/>, which counts them.</summary>
    public int Requests { get; set; }

    /// <summary>A request has come.</summary>
    public void Begin() => slots.Begin(this);

    /// <summary>It is answered.</summary>
    public void End() => slots.End(this);

    /// <summary>Its slot is another's.</summary>
    public void Close() => connection.AbortSoon("Idle, and its place is needed.");
}
