using Fleet.Gateway.Messages;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;

namespace Fleet.Gateway.Sessions;

/// <summary>What CONNECT says about who connects; copies, free of the packet.</summary>
internal sealed record ConnectRequest
{
    public required MqttVersion Version { get; init; }

    /// <summary>Empty asks for one to be assigned.</summary>
    public required string ClientId { get; init; }
    public required string? UserName { get; init; }
    public required ReadOnlyMemory<byte>? Password { get; init; }
    public required bool CleanStart { get; init; }
    public required ushort KeepAliveSeconds { get; init; }

    /// <summary>As asked for; 0xFFFFFFFF: for ever.</summary>
    public required uint SessionExpirySeconds { get; init; }
    public required int ReceiveMaximum { get; init; }

    /// <summary>Topic aliases that the client lets this side set.</summary>
    public int TopicAliasMaximum { get; init; }
    public required Will? Will { get; init; }
}

/// <summary>The answer to a CONNECT.</summary>
internal abstract record ConnectDecision
{
    private ConnectDecision() { }

    public sealed record Accepted(SessionIdentity Identity) : ConnectDecision;

    /// <param name="Detail">For the operator's log and the reason string.</param>
    public sealed record Refused(ReasonCode Code, string Detail) : ConnectDecision
    {
        /// <summary>Of a device whose certificate is good: it is refused what it wanted, not who it is.</summary>
        public ThingName? Thing { get; init; }

        public static Refused NotAuthorised(string why) => new(ReasonCode.NotAuthorized, "Not authorised: " + why);
    }
}
