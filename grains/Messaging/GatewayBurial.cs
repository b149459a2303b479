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
internal sealed class GatewayBurial(string gatewayId, IFleetIndex index, IGrainFactory grains, TimeProvider clock, ILogger log)
{
    private const int PageSize = 500;

    /// <summary>How often one heir may name another. Each has died while it was about to inherit.</summary>
    private const int MaxHeirs = 8;

    private static readonly TimeSpan AskAgainAfter = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan[] Pauses =
        [TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3), TimeSpan.FromSeconds(5)];

    /// <returns>How many devices there were; null if no gateway lives.</returns>
    /// <exception cref="Exception">
    /// Of a device that could not be asked, because its silo died as well, say: the others are done with, and it is left for the next time.
    /// </exception>
    public async Task<int?> Run()
    {
        if (await FindHeir() is not { } heir) return null;
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
            if (!sessions.IsEmpty) await Mourn(sessions, heir);
            devices += sessions.Length;
            failed ??= Array.Find(losing, task => !task.IsCompletedSuccessfully);
            after = page[^1].Thing;
        }
        if (failed is not null) await failed;
        return devices;
    }

    /// <summary>Returns the gateway that has the sessions, when it has them; null if no gateway lives.</summary>
    private async Task<string?> FindHeir()
    {
        var view = await grains.GetGrain<IRouteTableGrain>(IRouteTableGrain.Key).GetView();
        if (HeirChoice.Of(view.Gateways, gatewayId) is not { } heir) return null;
        for (int i = 0; i < MaxHeirs; i++)
        {
            if (await Adopt(heir, gatewayId) is not { } other) return heir;
            if (view.Find(other) is not null) heir = other;
            // It began, and died before it was a gateway; or it died as the heir. First what that one left, and what was left to it.
            else await Adopt(heir, other);
        }
        throw new InvalidOperationException($"What gateway {gatewayId} left goes from heir to heir.");
    }

    /// <returns>Null when the heir has it; otherwise the gateway that does.</returns>
    private async Task<string?> Adopt(string heir, string dead)
    {
        while (true)
        {
            switch (await grains.GetGrain<IGatewayGrain>(heir).Adopt(dead))
            {
                case AdoptResult.Done: return null;
                case AdoptResult.Elsewhere elsewhere: return elsewhere.GatewayId;
            }
            await Task.Delay(AskAgainAfter, clock);
        }
    }

    private async Task<LostSession?> Lose(ThingName thing)
    {
        if (await grains.GetGrain<IDeviceGrain>(thing.Value).GatewayLost(gatewayId, clock.GetUtcNow()) is not { } session) return null;
        return new LostSession(thing.Value, session.SessionId, session.Certificate?.Value, session.Epoch, await TakeWill(thing));
    }

    private async Task<SessionWill?> TakeWill(ThingName thing)
    {
        SessionWill? will = null;
        var failure = await TryRepeatedly(async () =>
        {
            will = await grains.GetGrain<ISessionGrain>(thing.Value).GatewayLost(gatewayId);
            return true;
        });
        if (failure is not null) log.WillNotTaken(failure, thing.Value, gatewayId);
        return will;
    }

    private async Task Mourn(ImmutableArray<LostSession> sessions, string heir)
    {
        var failure = await TryRepeatedly(async () =>
        {
            var view = await grains.GetGrain<IRouteTableGrain>(IRouteTableGrain.Key).GetView();
            // It knows which sessions it has, and what becomes of their wills. Should it have died since, so have they.
            if ((view.Find(heir) ?? view.Gateways.FirstOrDefault()) is not { } mourner) return false;
            await grains.GetGrain<IGatewayGrain>(mourner.Id).Mourn(sessions);
            return true;
        });
        if (failure is not null) log.NotMourned(failure, sessions.Length, gatewayId);
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

/// <summary>Who goes on with what a dead gateway leaves, unless the store knows better.</summary>
internal static class HeirChoice
{
    /// <summary>The same one for as long as it lives, and not the same for all the dead; null if no gateway lives.</summary>
    public static string? Of(ImmutableArray<GatewayMember> living, string dead) =>
        living.Select(gateway => gateway.Id).MaxBy(id => Hash(id, dead));

    /// <summary>FNV-1a over both: the gateway with the highest has it.</summary>
    private static uint Hash(string living, string dead)
    {
        uint hash = 2_166_136_261;
        foreach (char c in living) hash = (hash ^ c) * 16_777_619;
        foreach (char c in dead) hash = (hash ^ c) * 16_777_619;
        return hash;
    }
}
