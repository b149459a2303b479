using System.Diagnostics.Metrics;

namespace Fleet.Gateway.Blocks;

internal sealed class BlockMetrics
{
    private static readonly KeyValuePair<string, object?> HitTag = new("fleet.cache.result", "hit"), MissTag = new("fleet.cache.result", "miss");

    private readonly Counter<long> _served, _bytes, _cache;

    public BlockMetrics(IMeterFactory meters)
    {
        var meter = meters.Create("Fleet.Gateway");
        _served = meter.CreateCounter<long>("fleet.stream.block.sent", "{block}", "Blocks of files sent over MQTT.");
        _bytes = meter.CreateCounter<long>("fleet.stream.sent", "By", "Bytes of files sent over MQTT, encoding not counted.");
        _cache = meter.CreateCounter<long>("fleet.stream.cache.lookups", "{lookup}", "Look-ups in the block cache by result.");
    }

    public void Served(int bytes)
    {
        _served.Add(1);
        _bytes.Add(bytes);
    }

    public void Hit() => _cache.Add(1, HitTag);

    public void Miss() => _cache.Add(1, MissTag);
}
