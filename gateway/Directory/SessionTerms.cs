using Fleet.Gateway.Messages;

namespace Fleet.Gateway.Directory;

/// <summary>What a CONNECT says about the session it wants.</summary>
/// <param name="CleanStart">Begin anew, whatever there is.</param>
/// <param name="ExpirySeconds">As granted.</param>
/// <param name="ReceiveMaximum">QoS 1 and 2 messages that the client takes unacknowledged.</param>
internal sealed record SessionTerms(bool CleanStart, uint ExpirySeconds, int ReceiveMaximum, Will? Will);
