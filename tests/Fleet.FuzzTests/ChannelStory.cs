using Fleet.Gateway.Channels;
using Fleet.Mqtt;
using Fleet.UnitTests.Gateway;

namespace Fleet.FuzzTests;

/// <summary>
/// One seed: a few clients on one gateway, in virtual time, sending what the dice say. A packet, a wait, or a protocol error, and no fourth outcome; and a
/// well-behaved client among them is served from beginning to end.
/// </summary>
internal sealed class ChannelStory
{
    private const int Clients = 6, Steps = 400, MarkEvery = 40;

    /// <summary>For one step, whatever arrived in it.</summary>
    private const long MaxAllocatedBytes = 64 * 1024 * 1024;

    private readonly Dice _dice;
    private readonly GatewayParts _parts = new(options =>
    {
        options.MaxQueuedMessages = 50;
        options.MaxQueuedBytes = 256 * 1024;
        options.MaxRetainedMessages = 6;
        options.MaxSubscriptionsPerSession = 8;
        options.ReceiveMaximum = 20;
        options.MaxOutboundBytes = 32 * 1024;
    });
    private readonly FuzzedClient[] _clients;
    private readonly TestClient _witness;
    private FuzzedClient? _acting;
    private int _marks;

    private ChannelStory(int seed)
    {
        _dice = new Dice(seed);
        _clients = [.. Enumerable.Range(0, Clients).Select(_ => new FuzzedClient(_parts, _dice))];
        _witness = TestClient.Connected(_parts, GatewayParts.Plain("witness"));
        _witness.Subscribed("mark", Qos.AtLeastOnce);
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
            return story._clients.Sum(c => c.Packets);
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

    private void Step(int step)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        _acting = _clients[_dice.Below(Clients)];
        _acting.Step();
        long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        if (allocated > MaxAllocatedBytes) throw new FuzzFailedException($"{allocated} bytes were allocated in one step.");
        if (_dice.Rarely(10)) Pass(_dice.Of(1, 100, 1_000, 5_000));
        if (step % MarkEvery == 0) Mark();
    }

    private void Pass(int milliseconds)
    {
        using var held = new HeldStore(_parts);
        _parts.Time.Advance(TimeSpan.FromMilliseconds(milliseconds));
        _parts.Directory.Sweep(_parts.Clock.NowMs);
        _parts.Moves.Sweep(_parts.Clock.NowMs);
    }

    /// <summary>The well-behaved client publishes and hears itself.</summary>
    private void Mark()
    {
        string mark = $"{++_marks}";
        _witness.Publish("mark", mark, Qos.AtLeastOnce);
        foreach (var effect in _witness.Effects)
        {
            if (effect is ChannelEffect.AwaitDurable { Durable: var durable, Ticket: { } ticket } && durable.Wait(TimeSpan.FromSeconds(20))) _witness.Completed(ticket);
        }
        _witness.Effects.Clear();
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
        if (acknowledged != 1 || heard.Packets != 3) throw new FuzzFailedException($"The well-behaved client heard {heard.Packets - 1} packets instead of 2: {Convert.ToHexString(bytes)}");
    }

    /// <summary>All connections end, all sessions expire: nothing is left of them.</summary>
    private void End()
    {
        foreach (var client in _clients)
        {
            client.Settle();
            client.Lose();
        }
        Mark();
    }
}
