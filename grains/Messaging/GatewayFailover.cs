using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Fleet.Grains.Index;
using Fleet.Interfaces;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Messaging;
using Fleet.Interfaces.Naming;
using Microsoft.Extensions.Logging;

namespace Fleet.Grains.Messaging;

/// <summary>
/// The shell around <see cref="GatewayFailoverCore"/>. A device that has come back through another gateway stays as it is.
/// </summary>
internal sealed class GatewayFailover(string gatewayId, IFleetIndex index, IGrainFactory grains, TimeProvider clock, ILogger log)
{
    private const int PageSize = 500;

    /// <summary>Within eleven seconds: grains whose silo was killed are elsewhere by then.</summary>
    private const int Tries = 7;

    private static readonly Backoff Pauses = new(TimeSpan.FromMilliseconds(200), TimeSpan.FromSeconds(5));

    private IGatewayRegistryGrain Registry => grains.GetGrain<IGatewayRegistryGrain>(IGatewayRegistryGrain.Key);

    /// <returns>How many devices there were; null if no gateway lives.</returns>
    /// <exception cref="Exception">
    /// Of a device that could not be asked, because its silo died as well, say: the others are done with, and it is left for the next time.
    /// </exception>
    public async Task<int?> Run()
    {
        var step = GatewayFailoverCore.Begin;
        while (step.Effect is { } effect) step = GatewayFailoverCore.Decide(gatewayId, step.State, await CarryOut(effect));
        switch (((GatewayFailoverState.Over)step.State).Result)
        {
            case GatewayFailoverResult.Done done: return done.Devices;
            case GatewayFailoverResult.NoGateway: return null;
            case GatewayFailoverResult.DevicesLeft left:
                ExceptionDispatchInfo.Throw(left.Failure);
                return null;
            default: throw new InvalidOperationException($"What gateway {gatewayId} left goes from successor to successor.");
        }
    }

    private async Task<GatewayFailoverEvent> CarryOut(GatewayFailoverEffect effect)
    {
        switch (effect)
        {
            case GatewayFailoverEffect.ReadView read:
                if (read.After > TimeSpan.Zero) await Task.Delay(read.After, clock);
                return new GatewayFailoverEvent.Viewed(await Registry.GetView());
            case GatewayFailoverEffect.Ask ask:
                if (ask.After > TimeSpan.Zero) await Task.Delay(ask.After, clock);
                return new GatewayFailoverEvent.Answered(await grains.GetGrain<IGatewayGrain>(ask.Successor).TakeOverFrom(ask.Dead));
            case GatewayFailoverEffect.DisconnectPage page: return await Disconnect(page.After);
            case GatewayFailoverEffect.Publish publish:
                await PublishLostSessions(publish.Lost, publish.Successor);
                return new GatewayFailoverEvent.Published();
            default: throw new UnreachableException();
        }
    }

    private async Task<GatewayFailoverEvent.Disconnected> Disconnect(ThingName? after)
    {
        var page = await index.Find(FleetQuery.OfGateway(gatewayId), after, PageSize, CancellationToken.None);
        if (page.Length == 0) return new([], Last: null, Failure: null);
        var losing = page.Select(device => Lose(device.Thing)).ToArray();
        await ((Task)Task.WhenAll(losing)).ConfigureAwait(
            ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        var lost = losing.Where(task => task.IsCompletedSuccessfully).Select(task => task.Result).OfType<LostSession>();
        var failure = Array.Find(losing, task => !task.IsCompletedSuccessfully) is { } failed
            ? failed.Exception?.InnerException ?? new OperationCanceledException() : null;
        return new([.. lost], page[^1].Thing, failure);
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
            var view = await Registry.GetView();
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
        for (int failures = 1; ; failures++)
        {
            try
            {
                if (await work()) return null;
            }
            catch (Exception e)
            {
                failure = e;
            }
            if (failures == Tries) return failure;
            await Task.Delay(Pauses.After(failures), clock);
        }
    }
}
