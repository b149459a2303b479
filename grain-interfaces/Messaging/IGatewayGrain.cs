using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.Interfaces.Messaging;

/// <summary>
/// The road from grains to the sessions of one gateway. The key is the gateway's id, new at each start of a gateway process, so that a
/// session named with an id that nobody registered is known to be dead.
/// </summary>
[Alias("fleet.gateway-grain")]
public interface IGatewayGrain : IGrainWithStringKey
{
    /// <summary>The gateway process says that it lives, and where its sessions are reached.</summary>
    Task Register(IGatewayObserver observer);

    /// <summary>True while a gateway process is registered under this id.</summary>
    Task<bool> IsLive();

    /// <summary>Publishes jobs/notify and jobs/notify-next for a thing on this gateway.</summary>
    Task NotifyJobs(JobNotification notification);

    /// <summary>Ends the session of a client id whose lease has passed to a newer connection.</summary>
    Task EndSession(string clientId, string sessionId, SessionEnd reason);

    /// <summary>Ends every session that signed in with this certificate: it was revoked or deactivated.</summary>
    Task EndSessionsOf(CertificateId certificate);
}

/// <summary>What a gateway process does for its <see cref="IGatewayGrain"/>. Calls are one-way.</summary>
[Alias("fleet.gateway-observer")]
public interface IGatewayObserver : IGrainObserver
{
    void NotifyJobs(JobNotification notification);
    void EndSession(string clientId, string sessionId, SessionEnd reason);
    void EndSessionsOf(CertificateId certificate);
}

/// <summary>Why the service ends a session.</summary>
[GenerateSerializer, Alias("fleet.session-end")]
public enum SessionEnd
{
    /// <summary>A newer connection uses the client id (MQTT 5: 0x8E).</summary>
    TakenOver,

    /// <summary>An operator ended it, or its certificate is no longer good (MQTT 5: 0x98).</summary>
    Administrative,
}
