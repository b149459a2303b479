using Fleet.Gateway;
using Fleet.Gateway.Blocks;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Streams;

namespace Fleet.UnitTests.Gateway;

/// <summary>What a gateway keeps of streams is bounded, whatever it is asked for.</summary>
public sealed class StreamLeasesTests
{
    private static readonly StreamDescription Description = new("firmware", [new StreamFile(0, 1, "abc")]);

    private readonly GatewayParts _parts = new();
    private readonly StubGrains _grains = new();
    private readonly StreamLeases _leases;

    public StreamLeasesTests() => _leases = new StreamLeases(_grains, new GatewayIdentity(), _parts.Clock);

    [Fact]
    public async Task A_stream_that_is_not_there_leaves_nothing_behind()
    {
        _grains.On<IFirmwareStreamGrain>("Lease", (_, _) => Task.FromResult<StreamLease?>(null));
        for (int i = 0; i < 100; i++) Assert.Null(await _leases.Get(Stream($"made-up-{i}")));
        Assert.Equal(0, _leases.Count);
    }

    [Fact]
    public async Task One_whose_grain_did_not_answer_leaves_nothing_behind()
    {
        _grains.On<IFirmwareStreamGrain>("Lease", (_, _) => throw new TimeoutException());
        await Assert.ThrowsAsync<TimeoutException>(async () => await _leases.Get(Stream("fw-1")));
        Assert.Equal(0, _leases.Count);
    }

    [Fact]
    public async Task No_more_are_kept_than_there_is_room_for_and_those_whose_time_is_up_make_room()
    {
        _grains.On<IFirmwareStreamGrain>(
            "Lease", (_, _) => Task.FromResult<StreamLease?>(new StreamLease(1, Description, _parts.Clock.UtcNow.AddMinutes(1))));
        for (int i = 0; i < StreamLeases.MaxKept + 10; i++) Assert.NotNull(await _leases.Get(Stream($"fw-{i}")));
        Assert.Equal(StreamLeases.MaxKept, _leases.Count);
        _parts.Time.Advance(TimeSpan.FromMinutes(1));
        Assert.NotNull(await _leases.Get(Stream("late")));
        Assert.Equal(1, _leases.Count);
        await _leases.Get(Stream("late"));
        Assert.Equal(1, _grains.Calls.Count(call => call == "late.Lease"));
    }

    [Fact]
    public async Task Many_who_ask_at_once_ask_the_grain_once()
    {
        var answer = new TaskCompletionSource<StreamLease?>();
        _grains.On<IFirmwareStreamGrain>("Lease", (_, _) => answer.Task);
        var asked = Enumerable.Range(0, 10).Select(_ => _leases.Get(Stream("fw-1")).AsTask()).ToArray();
        answer.SetResult(new StreamLease(1, Description, _parts.Clock.UtcNow.AddMinutes(1)));
        Assert.All(await Task.WhenAll(asked), Assert.NotNull);
        Assert.Single(_grains.Calls);
    }

    private static StreamId Stream(string id) => StreamId.TryParse(id, out var stream) ? stream : throw new ArgumentException(id);
}
