using Fleet.Mqtt;
using Fleet.UnitTests.Gateway;
using Fleet.UnitTests.Gateway.Journal;

namespace Fleet.FuzzTests;

/// <summary>
/// One seed: a few clients on one gateway, in virtual time, sending what the dice say, while its stores are fine, slow, or fail, and its
/// process is killed now and then. A packet, a wait, or a protocol error, and no fourth outcome; a well-behaved client among them is served
/// from beginning to end, and what a publisher was acknowledged reaches its persistent subscriber.
/// </summary>
internal sealed class ChannelStory
{
    private const int Clients = 6, Steps = 400, MarkEvery = 40;

    /// <summary>Messages that may wait for the keeper: below the bound of its queue.</summary>
    private const int MostWaiting = 30;

    /// <summary>For one step, whatever arrived in it.</summary>
    private const long MaxAllocatedBytes = 64 * 1024 * 1024;

    private readonly Dice _dice;
    private readonly MemorySessionStore _sessions = new();
    private readonly Keeper _keeper = new();
    private readonly Teller _teller;
    private GatewayParts _parts = null!;
    private StoreWeather _weather = null!;
    private FuzzedClient[] _clients = [];
    private TestClient _witness = null!;
    private FuzzedClient? _acting;
    private int _marks;
    private long _packets;

    private ChannelStory(int seed)
    {
        _dice = new Dice(seed);
        _teller = new Teller(_keeper);
        Begin(start: null);
        _keeper.Connect(_parts, _weather, _dice);
        while (_keeper.Exchange()) { }
    }

    /// <returns>Packets that the server sent.</returns>
    /// <exception cref="FuzzFailedException">With the seed that shows it again.</exception>
    public static long Run(int seed)
    {
        ChannelStory? story = null;
        int step = 0;
        try
        {
            story = new ChannelStory(seed);
            for (; step < Steps; step++) story.Step(step);
            story.End();
            return story._packets;
        }
        catch (Exception e)
        {
            throw new FuzzFailedException($"seed {seed}, step {step}: {e.Message}\n{story?._acting?.Conversation}", e);
        }
        finally
        {
            story?._parts.MeterFactory.Dispose();
        }
    }

    /// <summary>The gateway starts, with what the store has.</summary>
    private void Begin(DateTimeOffset? start)
    {
        _parts = new GatewayParts(Configure, _sessions, start);
        _weather = new StoreWeather(_parts);
        _clients = [.. Enumerable.Range(0, Clients).Select(_ => new FuzzedClient(_parts, _weather, _dice))];
        _witness = TestClient.Connected(_parts, GatewayParts.Plain("witness"));
        _witness.Subscribed("mark", Qos.AtLeastOnce);
    }

    private static void Configure(SettingsUnderTest options)
    {
        options.Sessions.MaxQueuedMessages = 50;
        options.Sessions.MaxQueuedBytes = 256 * 1024;
        options.Retained.MaxRetainedMessages = 8;
        options.Sessions.MaxSubscriptionsPerSession = 8;
        options.Sessions.ReceiveMaximum = 20;
        options.Sessions.MaxOutboundBytes = 32 * 1024;
        options.Journal.MaxJournalBytes = 64 * 1024;
    }

    private void Step(int step)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        _acting = _clients[_dice.Below(Clients)];
        _acting.Step();
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        if (allocated > MaxAllocatedBytes) throw new FuzzFailedException($"{allocated} bytes were allocated in one step.");
        Correspond();
        if (_dice.Rarely(10)) Pass(_dice.Of(1, 100, 1_000, 5_000));
        if (_dice.Rarely(8)) _weather.Become(_dice.Of(Weather.Fine, Weather.Fine, Weather.Slow, Weather.Failing));
        if (_dice.Rarely(0.3)) Kill();
        if (step % MarkEvery == 0) Mark();
    }

    private void Correspond()
    {
        if (_dice.Rarely(2)) _teller.Lose();
        if (_dice.Rarely(3)) _keeper.Lose();
        if (!_teller.IsConnected && _dice.Rarely(20)) _teller.Connect(_parts, _weather, _dice, isNewLife: false);
        if (!_keeper.IsConnected && _dice.Rarely(10)) _keeper.Connect(_parts, _weather, _dice);
        if (_teller.Waiting < MostWaiting && _dice.Rarely(40)) _teller.Tell();
        _teller.Exchange();
        if (_dice.Rarely(50)) _keeper.Exchange();
    }

    private void Pass(int milliseconds) => _weather.During(() =>
    {
        _parts.Time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        _parts.Directory.Sweep(_parts.Clock.NowMs);
        _parts.SessionHandoff.Sweep(_parts.Clock.NowMs);
    });

    /// <summary>What the store does not have is gone, and so are all connections.</summary>
    private void Kill()
    {
        var now = _parts.Time.GetUtcNow();
        _packets += _clients.Sum(client => client.Packets);
        _sessions.Kill();
        _weather.End();
        _parts.MeterFactory.Dispose();
        Begin(now);
        _teller.Connect(_parts, _weather, _dice, isNewLife: true);
        _keeper.Connect(_parts, _weather, _dice);
    }

    /// <summary>In fine weather the well-behaved client publishes and hears itself, and the keeper takes what waits for it.</summary>
    private void Mark()
    {
        _weather.Become(Weather.Fine);
        string mark = $"{++_marks}";
        _witness.Publish("mark", mark, Qos.AtLeastOnce);
        var heard = new ServerWords();
        if (_witness.IsClosed) throw new FuzzFailedException("The well-behaved client was cut off.");
        byte[] bytes = _witness.Read();
        // Its PUBACK, and the message itself; acknowledged, or the next would not come.
        int acknowledged = 0;
        heard.Hear([0x20, 3, 0, 0, 0, .. bytes]);
        foreach (var (type, id) in heard.Owed)
        {
            acknowledged++;
            _witness.SendBytes(PacketBytes.Packet(type << 4, [(byte)(id >> 8), (byte)id]));
        }
        if (acknowledged != 1 || heard.Packets != 3)
            throw new FuzzFailedException(
                $"The well-behaved client heard {heard.Packets - 1} packets instead of 2: {Convert.ToHexString(bytes)}");
        KeepAll();
    }

    private void KeepAll()
    {
        if (!_teller.IsConnected) _teller.Connect(_parts, _weather, _dice, isNewLife: false);
        if (!_keeper.IsConnected) _keeper.Connect(_parts, _weather, _dice);
        while (_teller.Exchange() | _keeper.Exchange()) { }
        _teller.KeeperHasAll();
        foreach (int number in _teller.Acknowledged)
        {
            if (!_keeper.Has(number))
                throw new FuzzFailedException($"{number} was acknowledged, and did not reach its persistent subscriber.");
        }
    }

    /// <summary>All connections end.</summary>
    private void End()
    {
        _weather.Become(Weather.Fine);
        foreach (var client in _clients) client.End();
        Mark();
        _packets += _clients.Sum(client => client.Packets);
    }
}
