using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Messaging;

/// <summary>
/// What is left to do when a gateway is dead. A gateway that lives goes on with its persistent sessions; each of its devices
/// becomes disconnected, and the same gateway publishes its presence event and its will. A device that has come back through
/// another gateway stays as it is.
/// </summary>
internal sealed class GatewayFailover(string gatewayId, IFleetIndex index, IGrainFactory grains, TimeProvider clock, ILogger log)
{
    private const int PageSize = 500;

    /// <summary>How often one successor may name another. Each has died while it was about to inherit.</summary>
    private const int MaxSuccessors = 8;

    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan[] Pauses =
        [TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(5)];

    /// <returns>How many devices there were; null if no gateway lives.</returns>
    /// <exception cref="Exception">
    /// Of a device that could not be asked, because its silo died as well, say: the others are done with, and it is left for the next time.
    /// </exception>
    public async Task<int?> Run()
    {
        if (await FindSuccessor() is not { } successor) return null;
        int devices = 0;
        ThingName? after = null;
        Task? failed = null;
        while (await index.Find(DevicesOfGateway.Query(gatewayId), after, PageSize, CancellationToken.None) is { Length: > 0 } page)
        {
            var losing = page.Select(device => Lose(device.Thing)).ToArray();
            await ((Task)Task.WhenAll(losing)).ConfigureAwait(
                ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            // No device names its lost session twice, so what these did must not be forgotten for those that could not.
            var sessions = losing.Where(task => task.IsCompletedSuccessfully).Select(task => task.Result)
                .OfType<LostSession>().ToImmutableArray();
            if (!sessions.IsEmpty) await PublishLostSessions(sessions, successor);
            devices += sessions.Length;
            failed ??= Array.Find(losing, task => !task.IsCompletedSuccessfully);
            after = page[^1].Thing;
        }
        if (failed is not null) await failed;
        return devices;
    }

    /// <summary>Returns the gateway that has the sessions, when it has them; null if no gateway lives.</summary>
    private async Task<string?> FindSuccessor()
    {
        var view = await grains.GetGrain<IGatewayRegistryGrain>(IGatewayRegistryGrain.Key).GetView();
        if (SuccessorChoice.Of(view.Gateways, gatewayId) is not { } successor) return null;
        for (int i = 0; i < MaxSuccessors; i++)
        {
            if (await TakeOverFrom(successor, gatewayId) is not { } other) return successor;
            if (view.Find(other) is not null) successor = other;
            // It began, and died before it was a gateway; or it died as the successor. First what that one left, and what was left to it.
            else await TakeOverFrom(successor, other);
        }
        throw new InvalidOperationException($"What gateway {gatewayId} left goes from successor to successor.");
    }

    /// <returns>Null when the successor has it; otherwise the gateway that does.</returns>
    private async Task<string?> TakeOverFrom(string successor, string dead)
    {
        while (true)
        {
            switch (await grains.GetGrain<IGatewayGrain>(successor).TakeOverFrom(dead))
            {
                case FailoverProgress.Done: return null;
                case FailoverProgress.Elsewhere elsewhere: return elsewhere.GatewayId;
            }
            await Task.Delay(AskAgainAfter, clock);
        }
    }

    private async Task<LostSession?> Lose(ThingName thing)
    {
        if (await grains.GetGrain<IDeviceGrain>(thing.Value).GatewayLost(gatewayId, clock.GetUtcNow()) is not { } session) return null;
        return new LostSession(thing.Value, session.SessionId, session.Certificate?.Value, session.Epoch, await CollectWill(thing));
    }

    private async Task<SessionWill?> CollectWill(ThingName thing)
    {
        SessionWill? will = null;
        var failure = await TryRepeatedly(async () =>
        {
            will = await grains.GetGrain<ISessionGrain>(thing.Value).GatewayLost(gatewayId);
            return true;
        });
        if (failure is not null) log.WillNotCollected(failure, thing.Value, gatewayId);
        return will;
    }

    private async Task PublishLostSessions(ImmutableArray<LostSession> sessions, string successor)
    {
        var failure = await TryRepeatedly(async () =>
        {
            var view = await grains.GetGrain<IGatewayRegistryGrain>(IGatewayRegistryGrain.Key).GetView();
            // It knows which sessions it has, and what becomes of their wills. Should it have died since, so have they.
            if ((view.Find(successor) ?? view.Gateways.FirstOrDefault()) is not { } publisher) return false;
            await grains.GetGrain<IGatewayGrain>(publisher.Id).PublishLostSessions(sessions);
            return true;
        });
        if (failure is not null) log.LostSessionsNotPublished(failure, sessions.Length, gatewayId);
    }

    /// <returns>Null when it was done; otherwise how it failed last.</returns>
    private async Task<Exception?> TryRepeatedly(Func<Task<bool>> work)
    {
        Exception failure = new InvalidOperationException("There was no gateway to do it.");
        foreach (var pause in Pauses)
        {
            try
            {
                if (await work()) return null;
            }
            catch (Exception e)
            {
                failure = e;
            }
            await Task.Delay(pause, clock);
        }
        return failure;
    }
}

/// <summary>The devices whose session a gateway holds, as the fleet index knows them.</summary>
internal static class DevicesOfGateway
{
    public static FleetQuery Query(string gatewayId) => FleetQuery.OfGateway(gatewayId);
}
