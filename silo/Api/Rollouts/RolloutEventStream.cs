using System.Net.ServerSentEvents;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Fleet.Interfaces.Rollouts;
using Microsoft.AspNetCore.Http.Json;
using Microsoft.Extensions.Options;

namespace Fleet.Silo.Api.Rollouts;

/// <summary>GET /rollouts/{id}/events: the rollout each time it changes, until it is over.</summary>
internal static class RolloutEventStream
{
    private const string EventType = "rollout";

    /// <summary>Rollouts count in steps of 100 ms; twice a second is as often as a person can follow.</summary>
    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(500);

    public static async Task<IResult> Get(
        string id, IGrainFactory grains, TimeProvider clock, IOptions<JsonOptions> json, IHostApplicationLifetime host)
    {
        if (await RolloutEndpoints.Find(id, grains) is not { } first) return RolloutEndpoints.NotFound(id);
        // ServerSentEvents hands the enumeration the request's own token.
        return TypedResults.ServerSentEvents(
            Changes(first, grains, clock, json.Value.SerializerOptions, host.ApplicationStopping, CancellationToken.None));
    }

    /// <param name="stopping">A stream must not hold up the end of the process.</param>
    private static async IAsyncEnumerable<SseItem<JsonElement>> Changes(
        RolloutView first, IGrainFactory grains, TimeProvider clock, JsonSerializerOptions json, CancellationToken stopping,
        [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var end = CancellationTokenSource.CreateLinkedTokenSource(stopping, cancellation);
        string? told = null;
        for (RolloutView? view = first; view is not null; view = await grains.GetGrain<IRolloutGrain>(first.Id.Value).Get())
        {
            var body = JsonSerializer.SerializeToElement(RolloutBody.Of(view), json);
            if (body.GetRawText() is var text && text != told)
            {
                told = text;
                yield return new SseItem<JsonElement>(body, EventType);
            }
            if (view.EndedAt is not null || !await Wait(clock, end.Token)) yield break;
        }
    }

    /// <summary>False if the stream is to end.</summary>
    private static async Task<bool> Wait(TimeProvider clock, CancellationToken end)
    {
        try { await Task.Delay(LookEvery, clock, end); }
        catch (OperationCanceledException) { return false; }
        return true;
    }
}
