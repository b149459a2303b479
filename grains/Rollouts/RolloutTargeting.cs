using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Fleet.Grains.Index;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Rollouts;

namespace Fleet.Grains.Rollouts;

/// <param name="Things">In admission order; meaningless when something is wrong.</param>
internal sealed record ResolvedTarget(ImmutableArray<ThingName> Things, CreateRolloutResult.Invalid? Invalid)
{
    public static ResolvedTarget Wrong(string field, string detail) => new([], new(field, detail));
}

/// <summary>Fixes the target of a rollout, once: which devices, and in which order.</summary>
internal static class RolloutTargeting
{
    private const int PageSize = 1000;

    public static async Task<ResolvedTarget> Resolve(IFleetIndex index, RolloutId id, RolloutTarget target, ModelName model)
    {
        var resolved = target.Things is { } things ? await List(index, things, model) : await Query(index, target.Query!, model);
        return resolved.Invalid is null ? resolved with { Things = InOrder(id, resolved.Things) } : resolved;
    }

    /// <summary>
    /// By a hash of (rollout, thing): random with regard to site, batch and age, other for each rollout, and the
    /// same whenever it is computed.
    /// </summary>
    public static ImmutableArray<ThingName> InOrder(RolloutId id, IEnumerable<ThingName> things) =>
    [
        .. things.Select(thing => (Rank: Rank(id, thing), Thing: thing))
            .OrderBy(x => x.Rank).ThenBy(x => x.Thing.Value, StringComparer.Ordinal).Select(x => x.Thing),
    ];

    private static ulong Rank(RolloutId id, ThingName thing)
    {
        // "/" stands in neither name.
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.ASCII.GetBytes($"{id}/{thing}"), hash);
        return BinaryPrimitives.ReadUInt64BigEndian(hash);
    }

    private static async Task<ResolvedTarget> List(IFleetIndex index, ImmutableArray<ThingName> things, ModelName model)
    {
        for (int i = 0; i < things.Length; i++)
        {
            var rows = await index.Find(FleetQuery.Of(things[i]), null, 1, CancellationToken.None);
            if (rows.IsEmpty) return ResolvedTarget.Wrong($"target.things[{i}]", $"There is no device '{things[i]}'.");
            if (rows[0].Model != model)
                return ResolvedTarget.Wrong($"target.things[{i}]", $"'{things[i]}' is a '{rows[0].Model}', the firmware is for '{model}'.");
        }
        return new(things, null);
    }

    private static async Task<ResolvedTarget> Query(IFleetIndex index, string text, ModelName model)
    {
        switch (FleetQueryParser.Parse(text))
        {
            case FleetQueryParse.Invalid invalid:
                return ResolvedTarget.Wrong("target.query", $"At {invalid.Position}: {invalid.Detail}");
            case FleetQueryParse.Parsed { Query: var query }:
                var things = ImmutableArray.CreateBuilder<ThingName>();
                ThingName? after = null;
                while (true)
                {
                    var rows = await index.Find(query, after, PageSize, CancellationToken.None);
                    foreach (var row in rows)
                    {
                        if (row.Model != model)
                            return ResolvedTarget.Wrong(
                                "target.query", $"It finds '{row.Thing}', a '{row.Model}'; the firmware is for '{model}'.");
                        things.Add(row.Thing);
                    }
                    if (rows.Length < PageSize) break;
                    after = rows[^1].Thing;
                }
                return things.Count > 0 ? new(things.ToImmutable(), null) : ResolvedTarget.Wrong("target.query", "It finds no device.");
            default:
                throw new System.Diagnostics.UnreachableException();
        }
    }
}
