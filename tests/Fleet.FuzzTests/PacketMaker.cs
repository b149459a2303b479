using static Fleet.FuzzTests.PacketBytes;

namespace Fleet.FuzzTests;

/// <summary>
/// What a client might send: mostly well-formed, with few topics and few clients so that they meet; now and then a field that is wrong, and now and
/// then (<see cref="Mutation"/>) bytes that are.
/// </summary>
internal sealed class PacketMaker(Dice dice, bool is5)
{
    /// <summary>Percent of fields that are odd.</summary>
    private const double Odd = 1.5;

    private static readonly string[] Topics = ["a", "a/b", "a/b/c", "b", "/", "//", "a//c", "caf\u00e9/\u65e5\u672c", "observed"];
    private static readonly string[] OddTopics = ["", "a/#", "+", "$SYS/x", "$share/g/a", "$aws/things/c1/shadow/get", "$aws/rules/r/a", "a\0b", new('x', 300), new('/', 40)];
    private static readonly string[] Filters = ["#", "+", "a/#", "a/+", "+/b", "+/+/#", "a/b/c", "/", "/#", "$share/g/a/#", "$share/h/+/b", "$share/g/#"];
    private static readonly string[] OddFilters = ["", "a#", "a/#/b", "+a", "$share/g", "$share//a", "$share/g+/a", "$share/g/", "$SYS/#", "$aws/#", "#/", new('/', 40), new('y', 300)];
    private static readonly string[] Clients = ["c0", "c1", "c2", "c3", "c4"];
    private static readonly string[] OddClients = ["", "$x", "a b", new('z', 200), "\u0001", "+"];

    private bool _wasOdd;

    /// <summary>What the last CONNECT asks for; null if it holds something odd.</summary>
    public ConnectTerms? Terms { get; private set; }

    public byte[] Connect()
    {
        bool will = dice.Rarely(30), user = dice.Rarely(20), password = dice.Rarely(is5 ? 15 : user ? 50 : 1);
        int flags = (dice.Rarely(60) ? 2 : 0) | (will ? 4 | (dice.Below(3) << 3) | (dice.Below(2) << 5) : 0) | (password ? 0x40 : 0) | (user ? 0x80 : 0);
        if (dice.Rarely(Odd)) flags ^= 1 << dice.Below(8);
        var body = new PacketBytes().Text(dice.Rarely(Odd) ? "MQIsdp" : "MQTT").Byte(dice.Rarely(Odd) ? dice.Below(256) : is5 ? 5 : 4).Byte(flags).Two(dice.Of(0, 1, 10, 65_535));
        var terms = new ConnectTerms();
        if (is5)
        {
            terms = new(dice.Of(65_535, 1, 2, 100), dice.Of(uint.MaxValue, uint.MaxValue, uint.MaxValue, 4_096u, 100u, 20u), dice.Of(0, 0, 1, 3, 65_535));
            var properties = new PacketBytes();
            if (dice.Rarely(60)) properties.Byte(0x11).Four(dice.Of(0u, 1u, 30u, uint.MaxValue));
            if (terms.ReceiveMaximum != 65_535) properties.Byte(0x21).Two(terms.ReceiveMaximum);
            if (terms.MaximumPacketSize != uint.MaxValue) properties.Byte(0x27).Four(terms.MaximumPacketSize);
            if (terms.TopicAliasMaximum != 0) properties.Byte(0x22).Two(terms.TopicAliasMaximum);
            if (dice.Rarely(20)) properties.Byte(0x17).Byte(dice.Below(2));
            if (dice.Rarely(20)) properties.Byte(0x19).Byte(dice.Below(2));
            _wasOdd = false;
            Properties(body, properties, 0x26);
        }
        Terms = _wasOdd ? null : terms;
        body.Text(dice.Rarely(Odd) ? dice.Of(OddClients) : dice.Of(Clients));
        if (will)
        {
            if (is5) Properties(body, dice.Rarely(50) ? new PacketBytes().Byte(0x18).Four(dice.Of(0u, 5u, uint.MaxValue)) : new(), 0x01, 0x02, 0x03, 0x08, 0x09, 0x26);
            body.Text(Topic()).Binary(dice.Bytes(dice.Below(20)));
        }
        if (user) body.Text("user");
        if (password) body.Binary(dice.Bytes(8));
        return Packet(0x10, body.ToArray());
    }

    /// <param name="owed">Packet identifiers that the server waits for an answer to, and the answer's type.</param>
    public byte[] Any(IReadOnlyList<(int Type, int Id)> owed) => dice.Below(100) switch
    {
        < 40 => Publish(),
        < 60 when owed.Count > 0 => Ack(owed[dice.Below(owed.Count)]),
        < 70 => Ack((dice.Of(4, 5, 6, 7), Id())),
        < 82 => Subscribe(),
        < 88 => Unsubscribe(),
        < 93 => Packet(0xC0, []),
        < 95 => Disconnect(),
        < 96 => Packet(0xF0, is5 && dice.Rarely(50) ? [0x18, 0] : []),
        < 97 => Connect(),
        < 98 => Packet(dice.Of(0x20, 0x90, 0xB0, 0xD0, 0x00), [0, 1, 0]),
        _ => Packet(dice.Below(256), dice.Bytes(dice.Below(40))),
    };

    public byte[] Ack((int Type, int Id) owed)
    {
        var body = new PacketBytes().Two(owed.Id);
        // A refusal of PUBREC ends its exchange; PUBREL and PUBCOMP know one failure (3.6.2.1).
        if (is5 && dice.Rarely(30)) body.Byte(owed.Type is 4 or 5 ? dice.Of(0x00, 0x10, 0x80, 0x97) : dice.Of(0x00, 0x92));
        if (is5 && dice.Rarely(5)) Properties(body.Byte(0), new(), 0x1F, 0x26);
        return Packet((owed.Type << 4) | (owed.Type == 6 ? 2 : 0), body.ToArray());
    }

    public byte[] Publish()
    {
        int qos = dice.Rarely(Odd) ? 3 : dice.Below(3);
        int header = 0x30 | (qos << 1) | (dice.Rarely(15) ? 1 : 0) | (dice.Rarely(10) && (qos > 0 || dice.Rarely(Odd)) ? 8 : 0);
        bool aliased = is5 && dice.Rarely(20);
        var body = new PacketBytes().Text(aliased && dice.Rarely(50) ? "" : Topic());
        if (qos > 0) body.Two(Id());
        if (is5)
        {
            var properties = aliased ? new PacketBytes().Byte(0x23).Two(dice.Rarely(Odd * 2) ? dice.Of(0, 65_535) : dice.Below(8) + 1) : new();
            Properties(body, properties, 0x02, 0x03, 0x08, 0x09, 0x26);
        }
        int size = dice.Below(200) switch { 0 => 130_000, 1 => 150_000, < 10 => 5_000, _ => dice.Below(40) };
        return Packet(header, body.Raw(dice.Rarely(80) ? new byte[size] : dice.Bytes(Math.Min(size, 5_000))).ToArray());
    }

    private byte[] Subscribe()
    {
        var body = new PacketBytes().Two(Id());
        if (is5) Properties(body, dice.Rarely(40) ? new PacketBytes().Byte(0x0B).Varint(dice.Of(1, 2, 300, 268_435_455)) : new(), 0x26);
        for (int i = dice.Rarely(Odd) ? 0 : dice.Of(1, 1, 2, 9); i > 0; i--)
            body.Text(Filter()).Byte(dice.Rarely(Odd) ? dice.Below(256) : dice.Below(3) | (is5 ? (dice.Below(4) << 2) | (dice.Below(3) << 4) : 0));
        return Packet(dice.Rarely(Odd) ? 0x80 : 0x82, body.ToArray());
    }

    private byte[] Unsubscribe()
    {
        var body = new PacketBytes().Two(Id());
        if (is5) Properties(body, new(), 0x26);
        for (int i = dice.Rarely(Odd) ? 0 : dice.Of(1, 2); i > 0; i--) body.Text(Filter());
        return Packet(dice.Rarely(Odd) ? 0xA0 : 0xA2, body.ToArray());
    }

    private byte[] Disconnect()
    {
        if (!is5 || dice.Rarely(50)) return Packet(0xE0, dice.Rarely(Odd) ? [0] : []);
        var body = new PacketBytes().Byte(dice.Of(0x00, 0x04, 0x82, 0x8E));
        if (dice.Rarely(50)) Properties(body, dice.Rarely(50) ? new PacketBytes().Byte(0x11).Four(dice.Of(0u, 5u, uint.MaxValue)) : new(), 0x1F, 0x26);
        return Packet(0xE0, body.ToArray());
    }

    /// <summary>Adds some of <paramref name="optional"/>, rarely one that has no place here or stands twice.</summary>
    private void Properties(PacketBytes body, PacketBytes properties, params ReadOnlySpan<int> optional)
    {
        foreach (int id in optional)
        {
            for (int i = dice.Rarely(10) ? id == 0x26 ? 3 : 1 : dice.Rarely(Odd / 2) ? 2 : 0; i > 0; i--) Property(properties, id);
        }
        _wasOdd = dice.Rarely(Odd * 1.5);
        if (_wasOdd) Property(properties, dice.Below(0x30));
        byte[] bytes = properties.ToArray();
        body.Varint(_wasOdd && dice.Rarely(30) ? bytes.Length + dice.Below(5) : bytes.Length).Raw(bytes);
    }

    private void Property(PacketBytes properties, int id)
    {
        properties.Byte(id);
        switch (id)
        {
            case 0x01 or 0x17 or 0x19 or 0x24 or 0x25 or 0x28 or 0x29 or 0x2A: properties.Byte(dice.Rarely(Odd) ? 2 : dice.Below(2)); break;
            case 0x02 or 0x11 or 0x18 or 0x27: properties.Four(dice.Of(0u, 1u, 60u, dice.Any32())); break;
            case 0x0B: properties.Varint(dice.Of(0, 1, 200)); break;
            case 0x13 or 0x21 or 0x22 or 0x23: properties.Two(dice.Of(0, 1, 65_535)); break;
            case 0x26: properties.Text("k").Text(dice.Of("", "v", new('w', 100))); break;
            case 0x08: properties.Text(Topic()); break;
            case 0x09 or 0x16: properties.Binary(dice.Bytes(dice.Below(10))); break;
            default: properties.Text("text"); break;
        }
    }

    /// <summary>Few, so that they are used again while they are in use.</summary>
    private int Id() => dice.Rarely(Odd) ? 0 : dice.Rarely(3) ? dice.Below(65_536) : dice.Below(12) + 1;

    private string Topic() => dice.Rarely(Odd) ? dice.Of(OddTopics) : dice.Of(Topics);

    private string Filter() => dice.Rarely(Odd * 3) ? dice.Of(OddFilters) : dice.Of(Filters);
}

/// <summary>3.1.2.11.3 to 3.1.2.11.5, with what holds when they are left out.</summary>
internal sealed record ConnectTerms(int ReceiveMaximum = 65_535, uint MaximumPacketSize = uint.MaxValue, int TopicAliasMaximum = 0);
