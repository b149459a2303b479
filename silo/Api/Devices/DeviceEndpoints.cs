using Fleet.Grains.Index;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Microsoft.AspNetCore.Http.HttpResults;

namespace Fleet.Silo.Api.Devices;

/// <summary>Devices: find them, look at one, register one by hand.</summary>
internal static class DeviceEndpoints
{
    private const string One = "/devices/{thing}";

    public static void MapDevices(this IEndpointRouteBuilder api)
    {
        api.MapGet("/devices", List).RequireAuthorization(Roles.Viewer).WithTags("Devices")
            .WithSummary(
                "Devices by thing name; ?query= takes the fleet query language, such as model:amr and firmware<2.1.0 and (site:tokyo or "
                + "tag.line=3) and not connected; ?count=true tells how many there are.")
            .Produces<Page<DeviceRowBody>>().ProducesProblem(StatusCodes.Status400BadRequest);
        api.MapGet(One, Get).RequireAuthorization(Roles.Viewer).WithTags("Devices").WithSummary("One device with its jobs.")
            .Produces<DeviceBody>().ProducesProblem(StatusCodes.Status404NotFound);
        api.MapPut(One, Put).RequireAuthorization(Roles.Operator).WithTags("Devices")
            .WithSummary("Registers a device, or merges attributes into it. A repeat changes nothing.")
            .Produces<DeviceBody>(StatusCodes.Status201Created).Produces<DeviceBody>()
            .ProducesProblem(StatusCodes.Status400BadRequest).ProducesProblem(StatusCodes.Status409Conflict);
    }

    private static async Task<IResult> List(
        IFleetIndex index, CancellationToken cancellation, string? query = null, string? cursor = null, int limit = Cursors.DefaultLimit,
        bool count = false)
    {
        if (limit is < 1 or > Cursors.MaxLimit) return Problems.Invalid("limit", $"Must be 1 to {Cursors.MaxLimit}.");
        ThingName? after = null;
        if (cursor is not null)
        {
            if (!Cursors.TryDecode(cursor, out var last) || !ThingName.TryParse(last, out var thing))
                return Problems.Invalid("cursor", "Is not one that a list gave.");
            after = thing;
        }
        var terms = FleetQuery.All;
        if (!string.IsNullOrEmpty(query))
        {
            switch (FleetQueryParser.Parse(query))
            {
                case FleetQueryParse.Invalid invalid: return Problems.Invalid("query", $"At {invalid.Position}: {invalid.Detail}");
                case FleetQueryParse.Parsed parsed: terms = parsed.Query; break;
            }
        }
        var rows = await index.Find(terms, after, limit, cancellation);
        return TypedResults.Ok(new Page<DeviceRowBody>(
            [.. rows.Select(DeviceRowBody.Of)], rows.Length == limit ? Cursors.Encode(rows[^1].Thing.Value) : null,
            count ? await index.Count(terms, cancellation) : null));
    }

    private static async Task<IResult> Get(string thing, IGrainFactory grains) =>
        await Find(thing, grains) is { } device ? TypedResults.Ok(DeviceBody.Of(device)) : NotFound(thing);

    private static async Task<IResult> Put(string thing, DeviceRegistrationBody body, IGrainFactory grains)
    {
        if (!ThingName.TryParse(thing, out var name)) return Problems.Invalid("thing", $"Must be {ThingName.Grammar}.");
        if (!ModelName.TryParse(body.Model, out var model)) return Problems.Invalid("model", $"Must be {ModelName.Grammar}.");
        var attributes = (body.Attributes ?? ImmutableDictionary<string, string>.Empty).ToImmutableSortedDictionary(StringComparer.Ordinal);
        foreach (var (attribute, value) in attributes)
        {
            if (value is null) return Problems.Invalid($"attributes.{attribute}", "Must be a string.");
        }

        var device = grains.GetGrain<IDeviceGrain>(name.Value);
        return await device.Register(new DeviceRegistration(model, attributes, DeviceRegistration.ByOperator)) switch
        {
            RegisterDeviceResult.Registered { Created: true } =>
                TypedResults.Created($"/api/v1/devices/{name}", DeviceBody.Of((await device.Get())!)),
            RegisterDeviceResult.Registered => TypedResults.Ok(DeviceBody.Of((await device.Get())!)),
            RegisterDeviceResult.Conflict conflict => Problems.Of(
                StatusCodes.Status409Conflict, "device-conflict", "The device is there already and is another one.", conflict.Detail,
                conflict.Field),
            RegisterDeviceResult.Invalid invalid => Problems.Invalid(invalid.Field, invalid.Detail),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    private static async Task<DeviceView?> Find(string thing, IGrainFactory grains) =>
        ThingName.TryParse(thing, out var name) ? await grains.GetGrain<IDeviceGrain>(name.Value).Get() : null;

    private static ProblemHttpResult NotFound(string thing) => Problems.NotFound("device", thing);
}
