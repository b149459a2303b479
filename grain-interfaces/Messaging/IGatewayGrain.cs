using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Messaging;

/// <summary>
/// The road to the sessions of one gateway, for grains and for other gateways. The key is the gateway's id, new at each start of a gateway
/// process, so that a session named with an id that does not live is known to be dead. Its methods interleave: one that waits for the
/// gateway holds up no other.
/// </summary>
[Alias("fleet.gateway-grain")]
public interface IGatewayGrain : IGrainWithStringKey
{
    /// <summary>The gateway process begins, and says where it is reached.</summary>
    [AlwaysInterleave]
    Task<GatewayView> Join(IGatewayObserver observer, string? name);

    /// <summary>It lives. Null: it was taken for dead (<see cref="IGatewayRegistryGrain.Beat"/>).</summary>
    [AlwaysInterleave]
    Task<GatewayView?> Beat(IGatewayObserver observer);

    /// <summary>It ends in good order.</summary>
    [AlwaysInterleave]
    Task Leave();

    /// <summary>False once it is known to be dead.</summary>
    [AlwaysInterleave, ResponseTimeout("00:00:05")]
    Task<bool> IsLive();

    /// <summary>The gateways have changed. Nobody waits for this: who misses it hears so with its next beat.</summary>
    [AlwaysInterleave, OneWay]
    Task ViewChanged(GatewayView view);

    /// <summary>
    /// Publishes jobs/notify and jobs/notify-next for a thing on this gateway. Returns when the gateway has done so, or is dead.
    /// </summary>
    [AlwaysInterleave, ResponseTimeout("00:00:05")]
    Task NotifyJobs(JobNotification notification);

    /// <summary>
    /// Ends every session that signed in with this certificate: it was revoked or deactivated. Returns when the
    /// gateway has done so, or is dead.
    /// </summary>
    [AlwaysInterleave, ResponseTimeout("00:00:05")]
    Task EndSessionsOf(CertificateId certificate);

    /// <summary>Ends the connection of a session that passes to another gateway.</summary>
    /// <param name="key">Key of its <see cref="ISessionGrain"/>.</param>
    /// <param name="epoch">Of the new owner.</param>
    /// <param name="discard">Clean start: nothing of it is kept.</param>
    [AlwaysInterleave, ResponseTimeout("00:00:06")]
    Task<TakeOverResult> TakeOver(string key, SessionEpoch epoch, bool discard);

    /// <summary>
    /// A copy of the messages of a session that was taken over. The gateway keeps them, and sends on what comes, until the copy is stored
    /// (<see cref="LinkFrame.SessionStored"/>). Null: it is not there, or not for this epoch any more.
    /// </summary>
    /// <param name="epoch">With which it was taken over (<see cref="MovedSession.Epoch"/>).</param>
    [AlwaysInterleave, ResponseTimeout("00:00:06")]
    Task<MovedMessages?> Collect(string key, SessionEpoch epoch, string toGateway);

    /// <summary>What another gateway has for this one, in order.</summary>
    [AlwaysInterleave, ResponseTimeout("00:00:05")]
    Task<PeerAnswer> Forward(PeerBatch batch);

    /// <summary>Sessions of a gateway that died: this one publishes their presence events and wills.</summary>
    [AlwaysInterleave, ResponseTimeout("00:00:05")]
    Task PublishLostSessions(ImmutableArray<LostSession> sessions);

    /// <summary>This gateway is to go on with the persistent sessions of a dead one. Asked again, it says how far it is.</summary>
    [AlwaysInterleave, ResponseTimeout("00:00:05")]
    Task<FailoverProgress> TakeOverFrom(string deadGatewayId);

    /// <summary>
    /// This gateway is dead: another one takes its persistent sessions, and its devices become disconnected. Returns when none of them
    /// stands as connected through it.
    /// </summary>
    /// <returns>False if no gateway lives that could take its sessions: to be tried again.</returns>
    [AlwaysInterleave, ResponseTimeout("00:10:00")]
    Task<bool> FailOver();
}

/// <summary>
/// What a gateway process does for its <see cref="IGatewayGrain"/>. Its methods run one after the other, unless they interleave, so none of
/// them waits for another gateway. One that returns nothing may get lost on its way: only a beat, or nobody, may depend on it.
/// </summary>
[Alias("fleet.gateway-observer")]
public interface IGatewayObserver : IGrainObserver
{
    void ViewChanged(GatewayView view);

    [ResponseTimeout("00:00:05")]
    Task NotifyJobs(JobNotification notification);

    /// <summary>Does not wait for what other gateways have to say, which may be waiting for the store.</summary>
    [AlwaysInterleave, ResponseTimeout("00:00:05")]
    Task EndSessionsOf(CertificateId certificate);

    /// <summary>Null: there is no such session.</summary>
    [ResponseTimeout("00:00:05")]
    Task<MovedSession?> TakeOver(string key, SessionEpoch epoch, bool discard);

    [ResponseTimeout("00:00:05")]
    Task<MovedMessages?> Collect(string key, SessionEpoch epoch, string toGateway);

    [ResponseTimeout("00:00:05")]
    Task<PeerAnswer> Forward(PeerBatch batch);

    [ResponseTimeout("00:00:05")]
    Task PublishLostSessions(ImmutableArray<LostSession> sessions);

    [ResponseTimeout("00:00:05")]
    Task<FailoverProgress> TakeOverFrom(string deadGatewayId);
}
