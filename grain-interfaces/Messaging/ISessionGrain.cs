namespace Fleet.Interfaces.Messaging;

/// <summary>
/// One live owner per client id in the whole cluster. The key is the client id of a device, which is its thing name; the keys of other
/// clients hold a '/', which no thing name does.
/// </summary>
[Alias("fleet.session-grain")]
public interface ISessionGrain : IGrainWithStringKey
{
    /// <summary>
    /// Takes the client id for a new connection, after its authorisation. A session at another gateway is ended first, and handed over
    /// unless the client starts clean. Repeating the call with the same session answers as the first did. If the other gateway is lost,
    /// nothing has changed yet: the caller finds out where the session is, and says so.
    /// </summary>
    [ResponseTimeout("00:00:15")]
    Task<SessionLease> Open(SessionClaim claim);

    /// <summary>The session is gone for good. Ignored unless it is the current one.</summary>
    Task Close(string gatewayId, string connectionId);

    /// <summary>
    /// The client ended its connection in good order: its will is none any more, although its session stays. Ignored unless it is the
    /// current one.
    /// </summary>
    Task ForgetWill(string gatewayId, string connectionId);

    /// <summary>A gateway died. Returns the will that its session, if it was this client's owner, leaves behind; once.</summary>
    Task<SessionWill?> GatewayLost(string gatewayId);
}

/// <param name="ConnectionId">Unique per connection.</param>
/// <param name="CleanStart">Begin anew, whatever there is.</param>
/// <param name="Found">A lost gateway (<see cref="SessionLease.Lost"/>): what it had of the session is found.</param>
/// <param name="FoundEpoch">
/// Of the lease that said it was lost. If another connection has been given the client id since, it is asked again.
/// </param>
/// <param name="From">The gateway that hands over what was found; null: nothing has to be handed over.</param>
/// <param name="Above">An epoch that the client is known to have been given: the lease's is higher, whatever the clock says.</param>
[GenerateSerializer, Immutable, Alias("fleet.session-claim")]
public sealed record SessionClaim(
    [property: Id(0)] string GatewayId,
    [property: Id(1)] string ConnectionId,
    [property: Id(2)] bool CleanStart,
    [property: Id(3)] SessionWill? Will,
    [property: Id(4)] string? Found = null,
    [property: Id(5)] SessionEpoch? FoundEpoch = null,
    [property: Id(6)] string? From = null,
    [property: Id(7)] SessionEpoch? Above = null);

/// <param name="Epoch">Grows with each owner of the client id; a message of a lower epoch is late and is dropped.</param>
/// <param name="Moved">The session that another gateway hands over; null if there is none.</param>
/// <param name="Stayed">The gateway that asks had the client id last: what it kept of the session is still right.</param>
/// <param name="Lost">
/// The gateway that has the client id, which is dead or does not answer: the lease is not given yet. Null: it is.
/// </param>
/// <param name="From">
/// With <paramref name="Stayed"/>: the gateway that the session was last to come from. If it never came, it is there still; null:
/// from none.
/// </param>
/// <param name="UnsentWill">Of a session whose gateway is dead: it goes out as if the connection had been lost just now.</param>
[GenerateSerializer, Immutable, Alias("fleet.session-lease")]
public sealed record SessionLease(
    [property: Id(0)] SessionEpoch Epoch,
    [property: Id(1)] MovedSession? Moved = null,
    [property: Id(2)] SessionWill? UnsentWill = null,
    [property: Id(3)] bool Stayed = false,
    [property: Id(4)] string? Lost = null,
    [property: Id(5)] string? From = null);

/// <summary>What is published if a connection ends without DISCONNECT. MQTT 5.0, 3.1.2.5.</summary>
/// <param name="ExpirySeconds">Message expiry, counted from its publication.</param>
[GenerateSerializer, Immutable, Alias("fleet.session-will")]
public sealed record SessionWill(
    [property: Id(0)] string Topic,
    [property: Id(1)] ReadOnlyMemory<byte> Payload,
    [property: Id(2)] byte Qos,
    [property: Id(3)] bool Retain,
    [property: Id(4)] ReadOnlyMemory<byte> Properties,
    [property: Id(5)] uint DelaySeconds,
    [property: Id(6)] uint? ExpirySeconds)
{
    public bool Equals(SessionWill? other) => other is not null && Topic == other.Topic && Qos == other.Qos && Retain == other.Retain
        && DelaySeconds == other.DelaySeconds && ExpirySeconds == other.ExpirySeconds
        && Payload.Span.SequenceEqual(other.Payload.Span) && Properties.Span.SequenceEqual(other.Properties.Span);

    public override int GetHashCode() => HashCode.Combine(Topic, Qos, Retain, Payload.Length);
}

/// <summary>A session whose gateway died.</summary>
/// <param name="Principal">Certificate id; null if it is not known.</param>
[GenerateSerializer, Immutable, Alias("fleet.lost-session")]
public sealed record LostSession(
    [property: Id(0)] string ClientId,
    [property: Id(1)] string ConnectionId,
    [property: Id(2)] string? Principal,
    [property: Id(3)] SessionEpoch Epoch,
    [property: Id(4)] SessionWill? Will);
