namespace Fleet.Interfaces.Messaging;

/// <summary>One live owner per client id. The key is the client id.</summary>
[Alias("fleet.session-grain")]
public interface ISessionGrain : IGrainWithStringKey
{
    /// <summary>
    /// Takes the client id for a new connection, after its authorisation; an older connection at another gateway is told to end.
    /// Repeating the call with the same session answers as the first did.
    /// </summary>
    Task<SessionLease> Open(string gatewayId, string sessionId);

    /// <summary>Gives the client id back, if this session still has it.</summary>
    Task Close(string sessionId);
}

/// <param name="Epoch">Grows with each owner of the client id; a message of a lower epoch is late and is dropped.</param>
[GenerateSerializer, Immutable, Alias("fleet.session-lease")]
public sealed record SessionLease([property: Id(0)] long Epoch);
