#:project ../../../engine/Fleet.Engine.csproj
#:property PublishAot=false
#:property ServerGarbageCollection=false
// What do a grain call and an activation cost? Processor time of the whole process per call, all threads; bytes on the heap per grain.
//   dotnet run -c Release tests/Fleet.Benchmarks/bench/engine-costs.cs
using System.Diagnostics;
using Fleet.Engine;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans;
using Orleans.Runtime;
using Orleans.Storage;

const int Calls = 1_000_000;
const int Grains = 1_000_000;

var started = Stopwatch.GetTimestamp();
var services = new ServiceCollection();
services.AddFleetEngine(options => options.GrainAssemblies.Add(typeof(EchoGrain).Assembly));
services.AddSingleton<IGrainStorage, NoStorage>();
using var provider = services.BuildServiceProvider();
foreach (var hosted in provider.GetServices<IHostedService>()) await hosted.StartAsync(default);
var grains = provider.GetRequiredService<IGrainFactory>();
await grains.GetGrain<IEchoGrain>("first").Echo(1);
Console.WriteLine($"start to first answer: {Stopwatch.GetElapsedTime(started).TotalMilliseconds:F0} ms");

var echo = grains.GetGrain<IEchoGrain>("echo");
for (int round = 0; round < 3; round++)
{
    await Measure("from outside, one after the other", Calls, async () => { for (int i = 0; i < Calls; i++) await echo.Echo(i); });
    await Measure("from outside, 8 callers, 8 grains", Calls, () => Task.WhenAll(Enumerable.Range(0, 8).Select(async n =>
    {
        var mine = grains.GetGrain<IEchoGrain>($"echo-{n}");
        for (int i = 0; i < Calls / 8; i++) await mine.Echo(i);
    })));
    await Measure("grain to grain, one after the other", Calls, () => echo.CallOther("other", Calls));
    await Measure("grain to grain, 8 pairs", Calls, () => Task.WhenAll(Enumerable.Range(0, 8).Select(n =>
        grains.GetGrain<IEchoGrain>($"echo-{n}").CallOther($"other-{n}", Calls / 8))));
    await Measure("from outside, 100 at a time to one grain", Calls, async () =>
    {
        for (int i = 0; i < Calls / 100; i++) await Task.WhenAll(Enumerable.Range(0, 100).Select(n => echo.Echo(n)));
    });
}
await Memory("a grain without state", key => grains.GetGrain<IEchoGrain>(key).Echo(1));
await Memory("a grain with a record of one number", key => grains.GetGrain<ICountGrain>(key).Add(1));

static async Task Measure(string what, int calls, Func<Task> run)
{
    long bytes = GC.GetTotalAllocatedBytes();
    var (cpu, wall) = (Process.GetCurrentProcess().TotalProcessorTime, Stopwatch.GetTimestamp());
    await Task.Run(run);
    var used = Process.GetCurrentProcess().TotalProcessorTime - cpu;
    Console.WriteLine($"{what}: {used.TotalMicroseconds / calls:F2} µs CPU, {Stopwatch.GetElapsedTime(wall).TotalMicroseconds / calls:F2} µs wall, {(GC.GetTotalAllocatedBytes() - bytes) / calls} B per call");
}

static async Task Memory(string what, Func<string, Task> activate)
{
    long before = GC.GetTotalMemory(forceFullCollection: true);
    var (cpu, wall) = (Process.GetCurrentProcess().TotalProcessorTime, Stopwatch.GetTimestamp());
    for (int i = 0; i < Grains; i += 1_000) await Task.WhenAll(Enumerable.Range(i, 1_000).Select(n => activate($"thing-{n:D7}")));
    var used = Process.GetCurrentProcess().TotalProcessorTime - cpu;
    long bytes = (GC.GetTotalMemory(forceFullCollection: true) - before) / Grains;
    Console.WriteLine($"{what}: {bytes} bytes, {used.TotalMicroseconds / Grains:F2} µs CPU to activate, {Grains:N0} in {Stopwatch.GetElapsedTime(wall).TotalSeconds:F1} s");
}

internal interface IEchoGrain : IGrainWithStringKey
{
    Task<int> Echo(int value);

    [ResponseTimeout("00:05:00")]
    Task CallOther(string key, int times);
}

internal sealed class EchoGrain : Grain, IEchoGrain
{
    public Task<int> Echo(int value) => Task.FromResult(value);

    public async Task CallOther(string key, int times)
    {
        var other = GrainFactory.GetGrain<IEchoGrain>(key);
        for (int i = 0; i < times; i++) await other.Echo(i);
    }
}

internal interface ICountGrain : IGrainWithStringKey
{
    Task<long> Add(long value);
}

internal sealed class CountGrain([PersistentState("count")] IPersistentState<Count> record) : Grain, ICountGrain
{
    public Task<long> Add(long value) => Task.FromResult(record.State.Value += value);
}

internal sealed class Count
{
    public long Value { get; set; }
}

internal sealed class NoStorage : IGrainStorage
{
    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Task.CompletedTask;

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Task.CompletedTask;

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState) => Task.CompletedTask;
}
