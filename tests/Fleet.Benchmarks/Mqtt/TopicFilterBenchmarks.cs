using BenchmarkDotNet.Attributes;
using Fleet.Mqtt;

namespace Fleet.Benchmarks.Mqtt;

/// <summary>What does it cost to check one filter against one name, as a policy does?</summary>
[MemoryDiagnoser]
public class TopicFilterBenchmarks
{
    private readonly byte[] _filter = "$aws/things/+/jobs/+/update"u8.ToArray();
    private readonly byte[] _name = "$aws/things/amr-000042/jobs/job-1/update"u8.ToArray();

    [Benchmark]
    public bool Matches() => TopicFilter.Matches(_filter, _name);

    [Benchmark]
    public bool FilterIsValid() => TopicFilter.IsValid(_filter);

    [Benchmark]
    public bool NameIsValid() => TopicName.IsValid(_name);
}
