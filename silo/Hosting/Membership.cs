using Orleans.Configuration;

namespace Fleet.Silo.Hosting;

/// <summary>How soon the cluster believes that a silo is dead or new.</summary>
internal static class Membership
{
    /// <summary>
    /// A silo whose process was killed refuses connections, so each probe fails at once and the third failure, at most 4 x 2.5 s after
    /// the kill, is its end. One that is merely late has 2.5 s for each of three probes in a row, far above any collection or a thread
    /// pool that grows. Orleans adds to that by itself when the prober is the one that is late (it watches its own timers and thread
    /// pool), has another silo probe before it votes where there is one, and wants two votes where there are four silos or more.
    /// Orleans' own 5 s take up to 20 s.
    /// </summary>
    public static void NoticeTheDead(ClusterMembershipOptions options)
    {
        options.ProbeTimeout = TimeSpan.FromMilliseconds(2_500);
        options.NumMissedProbesLimit = 3;
        options.NumVotesForDeathDeclaration = 2;
        // A dead cluster's rows stand in the way of one that starts in its place until they are this old, times three.
        options.IAmAliveTablePublishTimeout = TimeSpan.FromSeconds(5);
        // Gossip is quicker; this is for who missed it.
        options.TableRefreshTimeout = TimeSpan.FromSeconds(10);
    }

    public static void UseNewSilosSoon(GatewayOptions options) => options.GatewayListRefreshPeriod = TimeSpan.FromSeconds(5);
}
