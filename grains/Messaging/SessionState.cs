using Fleet.Interfaces.Messaging;

namespace Fleet.Grains.Messaging;

/// <summary>
/// What is kept of a client id: which gateway has it, and how far epochs may have got. Written when the client changes its gateway or its
/// will, and once in a thousand connections; not for one that comes back to where it was.
/// </summary>
internal sealed record SessionState
{
    public string? Gateway { get; init; }

    /// <summary>No epoch above it was ever given.</summary>
    public long EpochLimit { get; init; }
    public SessionWill? Will { get; init; }

    /// <summary>Epochs that one write pays for.</summary>
    private const int EpochsAtATime = 1_000;

    /// <summary>The record that must be stored before this epoch is given; the same one if it covers it already.</summary>
    public SessionState Covering(string gateway, long epoch, SessionWill? will) =>
        Gateway == gateway && epoch <= EpochLimit && Will == will ? this
            : new SessionState
            {
                Gateway = gateway,
                EpochLimit = epoch <= EpochLimit ? EpochLimit : epoch + EpochsAtATime - 1,
                Will = will,
            };
}
