using System.IO.Pipelines;
using System.Text;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Presence;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Transport;
using Fleet.Interfaces.Messaging;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace Fleet.UnitTests.Gateway;

/// <summary>The driver between a transport's pipes and a channel: turns, flushes, effects, and the end.</summary>
public sealed class MqttConnectionTests
{
    private const string Connect = "100E00044D5154540502003C00000170";

    private readonly GatewayParts _parts = new(options => options.Sessions.MaxOutboundBytes = 8_192);
    private readonly StubGrains _grains = new();
    private readonly ConnectionServices _services;

    public MqttConnectionTests()
    {
        _grains.On<ISessionGrain>("Open", (_, _) => Task.FromResult(new SessionLease(new(1))));
        var identity = _parts.Gateway;
        var devices = new PresenceReporter(_grains, identity, _parts.Clock, NullLogger<PresenceReporter>.Instance);
        var life = new SessionLifecycle(
            devices, new PresenceEvents(_parts.Broker, _parts.Clock), _parts.Directory, _parts.Leases, _parts.Claims, _parts.Flapping, _parts.Clock,
            NullLogger<SessionLifecycle>.Instance);
        var authoriser = _parts.Authoriser(_grains, identity, life, new NoPasswords());
        _services = new ConnectionServices(
            Options.Create(_parts.Settings.Transport), _parts.Channels, authoriser, life, GatewayParts.NoRequests(),
            new ConnectionRegistry(_parts.Metrics), _parts.Clock, _parts.Metrics, NullLogger<MqttConnection>.Instance);
    }

    [Fact]
    public async Task What_one_read_brings_is_answered_in_one_write()
    {
        var wire = Open();
        await wire.Send(Connect);
        await wire.Next();
        await wire.Send("C000C000" + "3207000174000100" + "78" + "C000");
        Assert.Equal("D000D00040020001D000", Convert.ToHexString(await wire.Next()));
        await wire.Close();
    }

    [Fact]
    public async Task A_client_that_is_owed_many_answers_is_read_on_when_it_has_them()
    {
        const int Messages = 250;
        Wire fast = Open(), other = Open();
        await fast.Send("100D00044D5154540402003C000170");
        await fast.Next();
        await other.Send("100D00044D5154540402003C000131");
        await other.Next();
        _parts.Store.Hold();
        // Retained, each on a topic of its own: each acknowledgement waits for the store.
        await fast.Send(string.Concat(Enumerable.Range(1, Messages).Select(
            id => $"33070003{Convert.ToHexString(Encoding.ASCII.GetBytes($"{id:X3}"))}{id:X4}")));
        await other.Send("C000");
        Assert.Equal("D000", Convert.ToHexString(await other.Next()));
        _parts.Store.Release();
        string answers = "";
        while (answers.Length < Messages * 8) answers += Convert.ToHexString(await fast.Next());
        Assert.Equal(string.Concat(Enumerable.Range(1, Messages).Select(id => $"4002{id:X4}")), answers);
        await fast.Close();
        await other.Close();
    }

    [Fact]
    public async Task Another_connection_s_message_arrives_by_itself()
    {
        var subscriber = Open();
        await subscriber.Send(Connect);
        await subscriber.Next();
        await subscriber.Send("82070001000001740 0".Replace(" ", "", StringComparison.Ordinal));
        await subscriber.Next();
        _ = _parts.Broker.Publish(new("t"u8.ToArray(), "x"u8.ToArray(), Qos.AtMostOnce));
        Assert.Equal("300500017400" + "78", Convert.ToHexString(await subscriber.Next()));
        await subscriber.Close();
    }

    [Fact]
    public async Task A_publisher_does_not_wait_for_a_subscriber_that_takes_nothing()
    {
        var slow = Open();
        await slow.Send(Connect);
        await slow.Next();
        await slow.Send("8207000100000174" + "00");
        await slow.Next();
        slow.Stall();
        for (int i = 0; i < 5_000; i++) _ = _parts.Broker.Publish(new("t"u8.ToArray(), new byte[1_000], Qos.AtMostOnce));
        slow.Flow();
        _ = _parts.Broker.Publish(new("t"u8.ToArray(), "last"u8.ToArray(), Qos.AtMostOnce));
        // What it missed was QoS 0; what fits was kept, and the newest comes once there is room.
        long bytes = 0;
        while (true)
        {
            byte[] next = await slow.Next();
            bytes += next.Length;
            if (Encoding.ASCII.GetString(next).EndsWith("last", StringComparison.Ordinal) || bytes > 900_000) break;
        }
        Assert.InRange(bytes, 1, 1_100_000);
        await slow.Close();
    }

    [Fact]
    public async Task The_end_of_the_transport_is_the_end_of_the_session()
    {
        var wire = Open();
        await wire.Send(Connect);
        await wire.Next();
        await wire.Close();
        Assert.Equal(["plain/p"], _parts.Leases.Keys);
        Assert.Equal(0, _services.Connections.Count);
    }

    [Fact]
    public async Task Ending_a_connection_says_why_and_lets_it_go()
    {
        var wire = Open();
        await wire.Send(Connect);
        await wire.Next();
        _services.Connections.EndAll(EndCause.ShuttingDown);
        Assert.Equal("E0", Convert.ToHexString((await wire.Next())[..1]));
        await wire.Ended;
    }

    [Fact]
    public async Task A_connection_that_says_nothing_is_ended_by_the_sweep()
    {
        var wire = Open();
        _parts.Time.Advance(TimeSpan.FromSeconds(6));
        _services.Connections.Tick(_parts.Clock.NowMs);
        await wire.Ended;
    }

    [Fact]
    public async Task A_session_that_the_store_does_not_take_is_refused_in_time_and_is_not_waited_for()
    {
        _parts.Sessions.Hold();
        var wire = Open();
        // Clean start 0, session expiry 60 s.
        await wire.Send("101300044D5154540500003C05110000003C000170");
        await Eventually.True(() => _parts.Directory.Find("plain/p") is not null);
        _parts.Time.Advance(TimeSpan.FromSeconds(31));
        _services.Connections.Tick(_parts.Clock.NowMs);
        Assert.Equal("88", Convert.ToHexString(await wire.Next())[6..8]);
        await wire.Ended;
        Assert.Equal(0, _services.Connections.Count);
        _parts.Sessions.Release();
    }

    private Wire Open() => new(_services);

    /// <summary>Both ends of a connection in memory.</summary>
    private sealed class Wire : ITransportOutput
    {
        private readonly Pipe _toServer = new();
        private readonly System.Threading.Channels.Channel<byte[]> _fromServer =
            System.Threading.Channels.Channel.CreateUnbounded<byte[]>();
        private TaskCompletionSource? _stalled;

        public Wire(ConnectionServices services) =>
            Ended = new PipeConnection(services, new ConnectionSource(Listener.Plain, null, "10.0.0.1"), _toServer.Reader, this).Run();

        public Task Ended { get; }

        public async Task Send(string hex) => await _toServer.Writer.WriteAsync(Convert.FromHexString(hex));

        /// <summary>What the next write brought.</summary>
        public async Task<byte[]> Next() => await _fromServer.Reader.ReadAsync();

        public void Stall() => _stalled = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Flow() => Interlocked.Exchange(ref _stalled, null)?.SetResult();

        public async Task Close()
        {
            await _toServer.Writer.CompleteAsync();
            await Ended;
        }

        public async ValueTask Write(ReadOnlyMemory<byte> bytes)
        {
            if (_stalled is { } stalled) await stalled.Task;
            await _fromServer.Writer.WriteAsync(bytes.ToArray());
        }

        public void Abort() => _toServer.Writer.Complete();
    }

    private sealed class NoPasswords : IPasswordAuthenticator
    {
        public ValueTask<string?> Authenticate(string userName, ReadOnlyMemory<byte> password, CancellationToken cancellation) =>
            new((string?)null);
    }
}
