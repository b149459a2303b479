using Fleet.Gateway.Durable;
using Fleet.Gateway.Hosting;
using Fleet.Gateway.Routing;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Telemetry;
using Fleet.Gateway.Transport;
using Fleet.Interfaces.Messaging;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Fleet.Gateway.Cluster;

/// <summary>
/// This gateway's place among the others: it says that it lives, meets those who come, lets go of those who are dead; and when it hears that it
/// was taken for dead itself, ends all its sessions, which belong to others by then, and begins anew under another id.
/// </summary>
internal sealed class ClusterMember(
    IGrainFactory grains, GatewayIdentity gateway, Peers peers, Routes routes, Broker broker, SessionJournal journal, SessionRestore sessions, SessionDirectory directory, SessionMoves moves,
    ConnectionRegistry connections, IOptions<GatewayOptions> options, TimeProvider time, ILogger<ClusterMember> log)
{
    /// <summary>How long a start waits for what the others want: by then, who does not answer is dead.</summary>
    private static readonly TimeSpan MeetingTime = GatewayLiveness.DeadAfter + GatewayLiveness.BeatEvery;

    private readonly Lock _gate = new();
    private IGatewayObserver? _reference;
    private string? _name = options.Value.Name;
    private long _version = -1;
    private int _beating;

    private IGatewayGrain Self => grains.GetGrain<IGatewayGrain>(gateway.Id);

    /// <summary>Returns when messages for every subscriber in the cluster find their way from here.</summary>
    public async Task Join(IGatewayObserver observer, CancellationToken cancellation)
    {
        _reference = grains.CreateObjectReference<IGatewayObserver>(observer);
        Apply(await Self.Join(_reference, _name));
        foreach (var peer in peers.All)
        {
            try
            {
                await peer.Ready.WaitAsync(MeetingTime, time, cancellation);
            }
            catch (TimeoutException)
            {
                log.PeerNotReady(peer.Id);
            }
        }
    }

    /// <summary>Says that it lives. Called every <see cref="GatewayLiveness.BeatEvery"/>.</summary>
    public async Task Beat()
    {
        // A beat that takes longer is not joined by the next.
        if (Interlocked.Exchange(ref _beating, 1) == 1) return;
        try
        {
            if (await Self.Beat(_reference!) is { } view) Apply(view);
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
            var come = view.Gateways.Where(member => member.Id != gateway.Id && peers.Find(member.Id) is null).ToArray();
            foreach (var peer in gone) Part(peer);
            foreach (var member in come) routes.Meet(new RemoteGateway(member, LinkTo(member.Id)));
            if (gone.Length + come.Length > 0) log.PeersChanged(gateway.Id, peers.All.Count);
        }
    }

    private PeerLink LinkTo(string peer) => new(
        gateway.Id, peer, batch => grains.GetGrain<IGatewayGrain>(peer).Forward(batch), options.Value.MaxForwardBytes, () => _ = Beat(), time, log);

    private void Part(RemoteGateway peer)
    {
        peers.Remove(peer);
        broker.Forget(peer);
    }

    private async Task BeginAnew()
    {
        log.GatewayFenced(gateway.Id);
        lock (_gate)
        {
            // The id first: a CONNECT that is being decided under the old one is refused when it comes to its session.
            gateway.Renew();
            foreach (var peer in peers.All.ToArray()) Part(peer);
            _version = -1;
        }
        // Who is still there under this name has it: two that take it from each other would never end.
        _name = null;
        // They are others' by now, in the store too.
        journal.Close();
        directory.Abandon(EndCause.Fenced);
        moves.Clear();
        connections.EndAll(EndCause.Fenced);
        await sessions.Begin(_name, CancellationToken.None);
        Apply(await Self.Join(_reference!, _name));
    }
}
