using System.Globalization;
using System.Text;
using BenchmarkDotNet.Attributes;
using Fleet.Mqtt;

namespace Fleet.Benchmarks.Mqtt;

/// <summary>What does it cost to find who wants a message, with eight subscriptions per device, as job and shadow clients make?</summary>
[MemoryDiagnoser]
public class SubscriptionTreeBenchmarks
{
    private static readonly string[] PerDevice =
    [
        "$aws/things/{0}/jobs/notify-next", "$aws/things/{0}/jobs/+/get/accepted", "$aws/things/{0}/jobs/+/update/accepted",
        "$aws/things/{0}/jobs/+/update/rejected", "$aws/things/{0}/jobs/start-next/accepted", "$aws/things/{0}/shadow/update/delta",
        "$aws/things/{0}/streams/+/data/json", "fleet/{0}/command/#",
    ];

    private readonly SubscriptionTree<int> _tree = new();
    private readonly List<SubscriptionMatch<int>> _matches = [];
    private byte[][] _names = [];
    private TopicFilter _filter = TopicFilter.Parse("a/+/b");
    private int _next;

    [Params(1_000, 100_000)]
    public int Devices { get; set; }

    [GlobalSetup]
    public void Subscribe()
    {
        for (int device = 0; device < Devices; device++)
        {
            foreach (string filter in PerDevice)
                _tree.Set(TopicFilter.Parse(string.Format(CultureInfo.InvariantCulture, filter, Thing(device))), device, new(Qos.AtLeastOnce));
        }
        _tree.Set(TopicFilter.Parse("fleet/+/heartbeat"), -1, default);
        _filter = TopicFilter.Parse("fleet/amr-000017/more/+");
        _names = [.. Enumerable.Range(0, 1024).Select(i => Encoding.UTF8.GetBytes($"$aws/things/{Thing(i * 7919 % Devices)}/jobs/job-1/update/accepted"))];
    }

    [Benchmark]
    public int MatchOneOfAllDevices()
    {
        _matches.Clear();
        _tree.Match(_names[_next++ & 1023], _matches);
        return _matches.Count;
    }

    [Benchmark]
    public int MatchHeartbeat()
    {
        _matches.Clear();
        _tree.Match("fleet/amr-000042/heartbeat"u8, _matches);
        return _matches.Count;
    }

    [Benchmark]
    public bool SubscribeAndUnsubscribe()
    {
        _tree.Set(_filter, 17, default);
        return _tree.Remove(_filter, 17);
    }

    private static string Thing(int device) => $"amr-{device:000000}";
}
