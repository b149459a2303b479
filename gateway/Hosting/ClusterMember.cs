using Fleet.Gateway.Directory;
using Fleet.Gateway.Failover;
using Fleet.Gateway.Handoff;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Gateway.Transport;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Hosting;

/// <summary>
/// This gateway's place among the others: it says that it lives, meets those who come, and hears of those who are dead; and when it
/// hears that it was taken for dead itself, ends all its sessions, which belong to others by then, and begins anew under another
/// id.
/// </summary>
internal sealed class ClusterMember(
    IGrainFactory grains, GatewayIdentity gateway, Peers peers, SessionFailover failover, Broker broker,
    SessionJournal journal, SessionDirectory directory, SessionHandoff handoff, ConnectionRegistry connections,
    IOptions<ClusterOptions> options, TimeProvider time, ILogger<ClusterMember> log)
{
    /// <summary>
    /// How long a start waits for what the living advertise. By then, who does not answer is dead, or cannot be reached from here alone.
    /// </summary>
    private static readonly TimeSpan MeetingTime = GatewayLiveness.DeadAfter + (GatewayLiveness.BeatEvery * 3);

    private readonly Lock _gate = new();
    private IGatewayObserver? _reference;
    private string? _name = options.Value.Name;
    private long _version = -1;
    private int _beating;
    private volatile bool _isFenced;

    private IGatewayGrain Self => grains.GetGrain<IGatewayGrain>(gateway.Id);

    /// <summary>Returns when messages for every subscriber in the cluster find their way from here.</summary>
    public async Task Join(IGatewayObserver observer, CancellationToken cancellation)
    {
        _reference = grains.CreateObjectReference<IGatewayObserver>(observer);
        journal.Fenced = Fenced;
        await WaitForSilos.UntilAnswered(async () => Apply(await Self.Join(_reference!, _name)), time, log, cancellation);
        await Meet(cancellation);
    }

    /// <summary>Says that it lives. Called every <see cref="GatewayLiveness.BeatEvery"/>.</summary>
    public async Task Beat()
    {
        // A beat that takes longer is not joined by the next.
        if (Interlocked.Exchange(ref _beating, 1) == 1) return;
        try
        {
            if (!_isFenced && await Self.Beat(_reference!) is { } view) Apply(view);
            else await BeginAnew();
        }
        catch (Exception e)
        {
            log.RegistrationFailed(e);
        }
        finally
        {
            Volatile.Write(ref _beating, 0);
        }
    }

    /// <summary>Says goodbye. A gateway that cannot is taken for dead a little later.</summary>
    public async Task Leave()
    {
        try
        {
            await Self.Leave();
        }
        catch (Exception e)
        {
            log.NotLeft(gateway.Id, e);
        }
    }

    /// <summary>Takes a newer view of who lives.</summary>
    public void Apply(GatewayView view)
    {
        lock (_gate)
        {
            // A view without this gateway is for the beat to act on.
            if (view.Version <= _version || view.Find(gateway.Id) is not { } self) return;
            _version = view.Version;
            peers.Number = self.Number;
            var gone = peers.All.Where(peer => view.Find(peer.Id) is null).ToArray();
            var come = view.Gateways.Where(
                member => member.Id != gateway.Id && peers.Find(member.Id) is null && !failover.IsDead(member.Id)).ToArray();
            foreach (var peer in gone) failover.Die(peer.Id);
            // What it knew of these is unknown here; their successor tells.
            foreach (string dead in view.Dead.Where(dead => !failover.Has(dead)))
                failover.AddUnknown(new RemoteGateway(new GatewayMember(dead, 0, null), LinkTo(dead)));
            foreach (var peer in gone.Concat(peers.Dead).Where(peer => view.Find(peer.Id) is null && !view.Dead.Contains(peer.Id)))
                failover.Complete(peer.Id);
            foreach (var member in come) failover.Meet(new RemoteGateway(member, LinkTo(member.Id)));
            failover.MetAll();
            if (gone.Length + come.Length > 0) log.PeersChanged(gateway.Id, peers.All.Count);
        }
    }

    /// <summary>The store says that the sessions here are another's. All of it ends now, or with the beat that is under way.</summary>
    private void Fenced()
    {
        _isFenced = true;
        _ = Beat();
    }

    private PeerLink LinkTo(string peer) => new(
        gateway.Id, peer, batch => grains.GetGrain<IGatewayGrain>(peer).Forward(batch), options.Value.MaxForwardBytes,
        () => _ = Beat(), time, log);

    private async Task BeginAnew()
    {
        log.GatewayFenced(gateway.Id);
        lock (_gate)
        {
            // The id first: a CONNECT that is being decided under the old one is refused when it comes to its session.
            gateway.Renew();
            // Who published for another gateway is not told that all is well.
            foreach (var peer in peers.All.Concat(peers.Dead).ToArray())
            {
                broker.Forget(peer);
                peers.Remove(peer);
            }
            _version = -1;
        }
        // Who is still there under this name has it: two that take it from each other would never end.
        _name = null;
        // They are others' by now, in the store too.
        journal.Close();
        failover.Clear();
        directory.Abandon(EndCause.Fenced);
        handoff.Clear();
        connections.EndAll(EndCause.Fenced);
        await failover.Begin(_name, CancellationToken.None);
        _isFenced = false;
        Apply(await Self.Join(_reference!, _name));
        _ = Open(gateway.Id);
    }

    /// <summary>
    /// Returns when all gateways that are there have said what they want, or their time is up; and when the sessions of the dead are at
    /// others, which have, or go on here: until then, what is acknowledged here would never reach them.
    /// </summary>
    private async Task Meet(CancellationToken cancellation)
    {
        RemoteGateway[] met = [.. peers.All];
        long startedAt = time.GetTimestamp();
        while (true)
        {
            bool isPatient = time.GetElapsedTime(startedAt) < MeetingTime;
            RemoteGateway[] awaited = [.. (isPatient ? met : []).Union(peers.Dead).Where(peer => !peer.Ready.IsCompleted)];
            var ready = Task.WhenAll(awaited.Select(peer => peer.Ready).Append(failover.WhenCollected()));
            if (ready.IsCompleted) break;
            await Task.WhenAny(ready, Task.Delay(GatewayLiveness.BeatEvery, time, cancellation));
            cancellation.ThrowIfCancellationRequested();
            // It takes part already: the others must not take it for dead, and it may be a successor itself.
            if (!ready.IsCompleted) await Beat();
        }
        foreach (var peer in met.Where(peer => !peer.Ready.IsCompleted)) log.PeerNotReady(peer.Id);
    }

    /// <summary>
    /// Lets clients in when messages for every subscriber in the cluster find their way from here. Not within the beat, which is to
    /// go on.
    /// </summary>
    private async Task Open(string id)
    {
        await Meet(CancellationToken.None);
        gateway.Begin(id);
    }
}
