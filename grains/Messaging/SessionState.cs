using Fleet.Interfaces;
using Fleet.Interfaces.Messaging;

namespace Fleet.Grains.Messaging;

/// <summary>
/// What is kept of a client id: which gateway has it, and how far epochs may have got. Written when the client changes its gateway or its
/// will, and once in a thousand connections; not for one that comes back to where it was.
/// </summary>
internal sealed record SessionState
{
    public string? Gateway { get; init; }

    /// <summary>
    /// The gateway that the session was last to move from: if the move has come to nothing, the session is there still. Null: from none.
    /// </summary>
    public string? From { get; init; }

    /// <summary>No epoch above it was ever given. Null: none was.</summary>
    public SessionEpoch? EpochLimit { get; init; }
    public SessionWill? Will { get; init; }

    /// <summary>Epochs that one write pays for.</summary>
    private const int EpochsAtATime = 1_000;

    /// <summary>The record that must be stored before this epoch is given; the same one if it covers it already.</summary>
    /// <param name="from">See <see cref="From"/>.</param>
    public SessionState Covering(string gateway, SessionEpoch epoch, SessionWill? will, string? from) =>
        Gateway == gateway && epoch <= EpochLimit && Will == will && From == from ? this : new SessionState
        {
            Gateway = gateway, From = from, Will = will,
            EpochLimit = epoch <= EpochLimit ? EpochLimit : new(epoch.Value + EpochsAtATime - 1),
        };

    /// <summary>
    /// The gateways that may have the session of a client that comes to another one, in the order in which they are asked: the next if one
    /// has nothing.
    /// </summary>
    /// <param name="found">A gateway that is lost, and whose session was looked for already.</param>
    public IEnumerable<string> Holders(string gateway, string? found)
    {
        if (Gateway is null || Gateway == gateway || Gateway == found) yield break;
        yield return Gateway;
        // What is still at the client's own gateway is that one's affair.
        if (From is not null && From != gateway && From != found) yield return From;
    }
}
