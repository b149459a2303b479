using Fleet.Gateway.Directory;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Sessions;
using Fleet.Mqtt;

namespace Fleet.Gateway.Channels;

/// <summary>
/// Where a channel is between its first byte and its end: each phase has what there is in it, and nothing else.
/// <see cref="AwaitingConnect"/>, <see cref="Deciding"/>, <see cref="Opening"/>, <see cref="OpenChannel"/>, <see cref="Ended"/>.
/// </summary>
internal abstract class ChannelPhase
{
    /// <summary>Null until the session is attached.</summary>
    public virtual Session? Session => null;

    public sealed class AwaitingConnect : ChannelPhase
    {
        public static readonly AwaitingConnect Instance = new();
    }

    /// <summary>CONNECT has come, and others decide who it is and whether they may.</summary>
    public sealed class Deciding(ConnectRequest request) : ChannelPhase
    {
        public ConnectRequest Request => request;
    }

    /// <summary>The session is on its way to the store: CONNACK, which promises it, goes out at a position of the journal.</summary>
    public sealed class Opening(
        ConnectRequest request, SessionTerms terms, Session session, bool present, JournalPosition position) : ChannelPhase
    {
        public ConnectRequest Request => request;
        public SessionTerms Terms => terms;
        public override Session Session => session;

        /// <summary>CONNACK's Session Present.</summary>
        public bool Present => present;
        public JournalPosition Position => position;
    }

    public sealed class Ended(EndCause cause, ChannelPhase before) : ChannelPhase
    {
        public EndCause Cause => cause;
        public override Session? Session { get; } = before.Session;

        /// <summary>Null if it was never open. What was asked while it was may still be answered.</summary>
        public OpenChannel? Was { get; } = before as OpenChannel;
    }
}
