using System.Buffers;
using BenchmarkDotNet.Attributes;
using Fleet.Mqtt;

namespace Fleet.Benchmarks.Mqtt;

/// <summary>What does one QoS 1 PUBLISH of a heartbeat cost to read and to write?</summary>
[MemoryDiagnoser]
public class PublishBenchmarks
{
    private const int MaxPacketBytes = 128 * 1024;

    private readonly ArrayBufferWriter<byte> _output = new(4096);
    private readonly PacketScratch _scratch = new();
    private ReadOnlySequence<byte> _whole, _split;

    [Params(MqttVersion.V311, MqttVersion.V5)]
    public MqttVersion Version { get; set; }

    [Params(0, 2)]
    public int UserProperties { get; set; }

    [GlobalSetup]
    public void Write()
    {
        var properties = new PropertyBuilder();
        for (int i = 0; i < UserProperties; i++) properties.AddUserProperty("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        new PublishPacket
        {
            Topic = "fleet/warehouse-3-amr-0042/heartbeat"u8,
            Qos = Qos.AtLeastOnce,
            PacketId = 7,
            Properties = Version == MqttVersion.V5 ? properties.Properties : default,
            Payload = new(new byte[128]),
        }.WriteTo(_output, Version);
        byte[] bytes = _output.WrittenSpan.ToArray();
        _whole = new(bytes);
        var first = new Piece(bytes.AsMemory(0, 20), null);
        var last = new Piece(bytes.AsMemory(20), first);
        _split = new(first, 0, last, last.Memory.Length);
    }

    [Benchmark]
    public int Parse() => Parse(_whole);

    /// <summary>The topic name straddles two buffers of the pipe.</summary>
    [Benchmark]
    public int ParseSplit() => Parse(_split);

    [Benchmark]
    public int ParseAndWrite()
    {
        var buffer = _whole;
        Framing.TryRead(ref buffer, MaxPacketBytes, out var packet);
        _output.ResetWrittenCount();
        PublishPacket.Parse(packet, Version, Sender.Client).WriteTo(_output, Version);
        return _output.WrittenCount;
    }

    [Benchmark]
    public int WritePubAck()
    {
        _output.ResetWrittenCount();
        new AckPacket { Type = PacketType.PubAck, PacketId = 7 }.WriteTo(_output, Version);
        return _output.WrittenCount;
    }

    private int Parse(ReadOnlySequence<byte> buffer)
    {
        Framing.TryRead(ref buffer, MaxPacketBytes, out var packet, _scratch);
        var publish = PublishPacket.Parse(packet, Version, Sender.Client);
        return publish.Topic.Length + publish.PacketId;
    }

    private sealed class Piece : ReadOnlySequenceSegment<byte>
    {
        public Piece(ReadOnlyMemory<byte> memory, Piece? before)
        {
            Memory = memory;
            if (before is null) return;
            RunningIndex = before.Memory.Length;
            before.Next = this;
        }
    }
}
