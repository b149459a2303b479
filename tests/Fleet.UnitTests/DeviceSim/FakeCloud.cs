using System.Buffers;
using System.Collections.Concurrent;
using System.Formats.Cbor;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.Mqtt;

namespace Fleet.UnitTests.DeviceSim;

/// <summary>
/// The service as one device sees it, in memory: provisioning, shadow, one job at a time, one stream. It keeps to the wire, remembers
/// what it was told, and can lose connections and blocks.
/// </summary>
internal sealed class FakeCloud
{
    private readonly Lock _gate = new();
    private readonly List<string> _told = [];
    private readonly HashSet<string> _filters = [];
    private TaskCompletionSource _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private PipeWriter? _toDevice;
    private Firmware? _firmware;
    private string _jobId = "", _status = "";
    private JsonObject? _details;
    private int _blocks;

    /// <summary>What the device did, in order: "connect", "shadow 1.0.0 ok", "step downloading", "SUCCEEDED: runs …", "get 0+2".</summary>
    public ImmutableArray<string> Told { get { lock (_gate) return [.. _told]; } }

    /// <summary>Blocks that are never sent the first time they are asked for.</summary>
    public ConcurrentDictionary<int, bool> LoseOnce { get; } = [];

    /// <summary>Blocks sent so far, over all connections.</summary>
    public int BlocksSent => Volatile.Read(ref _blocks);

    /// <summary>Called before a block is sent; false ends the connection instead.</summary>
    public Func<int, bool> OnBlock { get; set; } = _ => true;

    /// <summary>False: connections are refused, as by a server that is down.</summary>
    public bool IsUp { get; set; } = true;

    public Pki SignerOf { get; set; } = Pki.Ours;

    public string JobStatus { get { lock (_gate) return _status; } }

    public ValueTask<Stream> OpenStream(CancellationToken cancellation)
    {
        if (!IsUp) throw new IOException("connection refused");
        var (client, input, output) = DuplexStream.Pair();
        lock (_gate)
        {
            _toDevice = output;
            _filters.Clear();
        }
        _ = Task.Run(() => ServeAsync(input, output), CancellationToken.None);
        return new ValueTask<Stream>(client);
    }

    /// <summary>Offers a job; a device that listens is told.</summary>
    public void Offer(Firmware firmware, string jobId = "job-1")
    {
        lock (_gate)
        {
            (_firmware, _jobId, _status, _details) = (firmware, jobId, "QUEUED", null);
            Notify();
        }
    }

    public void Cancel()
    {
        lock (_gate)
        {
            _status = "CANCELED";
            Notify();
        }
    }

    /// <summary>Says notify-next once more, as QoS 1 may.</summary>
    public void Repeat()
    {
        lock (_gate) Notify();
    }

    /// <summary>The connection is gone, as after kill -9.</summary>
    public void Kill()
    {
        lock (_gate)
        {
            _toDevice?.Complete();
            _toDevice = null;
        }
    }

    /// <summary>Waits until the device told this (a prefix of it), <paramref name="times"/> times.</summary>
    public async Task Hears(string what, int times = 1)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (true)
        {
            Task changed;
            lock (_gate)
            {
                if (_told.Count(told => told.StartsWith(what, StringComparison.Ordinal)) >= times) return;
                changed = _changed.Task;
            }
            try
            {
                await changed.WaitAsync(patience.Token);
            }
            catch (OperationCanceledException)
            {
                Assert.Fail($"The device never told '{what}' {times} times, but:\n{string.Join('\n', Told)}");
            }
        }
    }

    private void Tell(string what)
    {
        lock (_gate)
        {
            _told.Add(what);
            var changed = _changed;
            _changed = new(TaskCreationOptions.RunContinuationsAsynchronously);
            changed.TrySetResult();
        }
    }

    private async Task ServeAsync(PipeReader input, PipeWriter output)
    {
        try
        {
            while (true)
            {
                var result = await input.ReadAsync();
                var buffer = result.Buffer;
                bool goodbye = false;
                while (!goodbye && TryHandle(ref buffer, output, out goodbye)) { }
                input.AdvanceTo(buffer.Start, buffer.End);
                await output.FlushAsync();
                if (result.IsCompleted || goodbye) break;
            }
        }
        catch (InvalidOperationException)
        {
            // Killed in the middle of an answer.
        }
        lock (_gate)
        {
            if (_toDevice == output) _toDevice = null;
        }
        await output.CompleteAsync();
        Tell("disconnect");
    }

    private bool TryHandle(ref ReadOnlySequence<byte> buffer, PipeWriter output, out bool goodbye)
    {
        goodbye = false;
        if (!Framing.TryRead(ref buffer, 1 << 20, out var packet)) return false;
        lock (_gate)
        {
            switch (packet.Type)
            {
                case PacketType.Connect:
                    new ConnAckPacket().WriteTo(output, MqttVersion.V5);
                    break;
                case PacketType.Subscribe:
                    Subscribe(SubscribePacket.Parse(packet, MqttVersion.V5), output);
                    break;
                case PacketType.Publish:
                    var publish = PublishPacket.Parse(packet, MqttVersion.V5, Sender.Client);
                    if (publish.Qos == Qos.AtLeastOnce)
                        new AckPacket { Type = PacketType.PubAck, PacketId = publish.PacketId }.WriteTo(output, MqttVersion.V5);
                    Handle(Encoding.UTF8.GetString(publish.Topic), publish.Payload.ToArray(), output);
                    break;
                case PacketType.Disconnect:
                    goodbye = true;
                    break;
                case PacketType.PingReq:
                    PingPacket.WriteResponseTo(output);
                    break;
            }
        }
        return true;
    }

    private void Subscribe(SubscribePacket packet, PipeWriter output)
    {
        var codes = new List<ReasonCode>();
        foreach (var entry in packet)
        {
            _filters.Add(Encoding.UTF8.GetString(entry.Filter));
            codes.Add(ReasonCode.Success);
        }
        new SubAckPacket { Type = PacketType.SubAck, PacketId = packet.PacketId, ReasonCodes = codes.ToArray() }.WriteTo(output, MqttVersion.V5);
    }

    private void Handle(string topic, byte[] payload, PipeWriter output)
    {
        if (topic.Contains("/streams/", StringComparison.Ordinal)) SendBlocks(topic, payload, output);
        else if (topic.StartsWith("fleet/", StringComparison.Ordinal)) Tell(topic.EndsWith("/heartbeat", StringComparison.Ordinal) ? "heartbeat" : Encoding.UTF8.GetString(payload));
        else Answer(topic, JsonNode.Parse(payload)!.AsObject(), output);
    }

    private void Answer(string topic, JsonObject request, PipeWriter output)
    {
        var answer = new JsonObject { ["clientToken"] = request["clientToken"]?.DeepClone(), ["timestamp"] = 1 };
        bool accepted = true;
        switch (topic)
        {
            case "$aws/certificates/create-from-csr/json":
                answer = Created((string)request["certificateSigningRequest"]!);
                break;
            case "$aws/provisioning-templates/fleet/provision/json":
                Tell($"provision {request["parameters"]!["ThingName"]} {request["parameters"]!["Model"]} {request["parameters"]!["Site"]}");
                answer = new JsonObject
                {
                    ["thingName"] = (string?)request["parameters"]!["ThingName"],
                    ["deviceConfiguration"] = new JsonObject { ["firmwareSigner"] = SignerOf.Signer.ExportCertificatePem() },
                };
                break;
            case "$aws/things/amr-1/shadow/update":
                var reported = request["state"]!["reported"]!;
                Tell($"shadow {reported["firmware"]!["version"]} {reported["firmware"]!["slot"]} {reported["health"]}");
                break;
            case "$aws/things/amr-1/jobs/start-next":
                if (_status == "QUEUED") (_status, _details) = ("IN_PROGRESS", (JsonObject)request["statusDetails"]!.DeepClone());
                if (_status == "IN_PROGRESS") answer["execution"] = Execution();
                break;
            default:
                accepted = Update(topic, request);
                if (!accepted) answer["code"] = "InvalidStateTransition";
                break;
        }
        Publish($"{topic}/{(accepted ? "accepted" : "rejected")}", Encoding.UTF8.GetBytes(answer.ToJsonString()), output);
    }

    private JsonObject Created(string csr) => new()
    {
        ["certificateId"] = "0", ["certificatePem"] = SignerOf.IssueFromCsr(csr).ExportCertificatePem(), ["certificateOwnershipToken"] = "token",
    };

    private bool Update(string topic, JsonObject request)
    {
        if (_status != "IN_PROGRESS" || topic != $"$aws/things/amr-1/jobs/{_jobId}/update") return false;
        (_status, _details) = ((string)request["status"]!, (JsonObject)request["statusDetails"]!.DeepClone());
        Tell(_status == "IN_PROGRESS" ? $"step {_details["step"]}" : $"{_status}: {_details["reason"]}");
        if (_status != "IN_PROGRESS") Notify();
        return true;
    }

    private JsonObject Execution() => new()
    {
        ["jobId"] = _jobId, ["status"] = _status, ["executionNumber"] = 1, ["versionNumber"] = 1, ["statusDetails"] = _details?.DeepClone(), ["jobDocument"] = _firmware!.Document(),
    };

    private void Notify()
    {
        var body = new JsonObject { ["timestamp"] = 1 };
        if (_status is "QUEUED" or "IN_PROGRESS") body["execution"] = Execution();
        if (_toDevice is null || !_filters.Contains("$aws/things/amr-1/jobs/notify-next")) return;
        Publish("$aws/things/amr-1/jobs/notify-next", Encoding.UTF8.GetBytes(body.ToJsonString()), _toDevice);
        _ = _toDevice.FlushAsync().AsTask();
    }

    private void SendBlocks(string topic, byte[] payload, PipeWriter output)
    {
        bool cbor = topic.EndsWith("cbor", StringComparison.Ordinal);
        var (offset, count, size, bitmap) = cbor ? ReadCbor(payload) : ReadJson(payload);
        Tell($"get {offset}+{count}{(bitmap is null ? "" : " " + Convert.ToHexString(bitmap))}");
        var image = _firmware!.Served ?? _firmware.Image;
        for (int block = offset, sent = 0; sent < count && (long)block * size < image.Length; block++)
        {
            int bit = block - offset;
            if (bitmap is not null && (bit / 8 >= bitmap.Length || (bitmap[bit / 8] & (1 << (bit % 8))) == 0)) continue;
            sent++;
            if (LoseOnce.TryRemove(block, out _)) continue;
            if (!OnBlock(block))
            {
                output.Complete();
                throw new InvalidOperationException("The connection ends here.");
            }
            _blocks++;
            var data = image.AsSpan(block * size, Math.Min(size, image.Length - block * size));
            Publish(topic.Replace("/get/", "/data/", StringComparison.Ordinal), cbor ? DataCbor(block, data) : DataJson(block, data), output);
        }
    }

    private static void Publish(string topic, byte[] payload, PipeWriter output) =>
        new PublishPacket { Topic = Encoding.UTF8.GetBytes(topic), Payload = new ReadOnlySequence<byte>(payload) }.WriteTo(output, MqttVersion.V5);

    private static (int Offset, int Count, int Size, byte[]? Bitmap) ReadJson(byte[] payload)
    {
        var json = JsonNode.Parse(payload)!;
        return ((int)json["o"]!, (int)json["n"]!, (int)json["l"]!, (string?)json["b"] is { } hex ? Convert.FromHexString(hex) : null);
    }

    private static (int Offset, int Count, int Size, byte[]? Bitmap) ReadCbor(byte[] payload)
    {
        var reader = new CborReader(payload);
        var numbers = new Dictionary<string, int>();
        byte[]? bitmap = null;
        reader.ReadStartMap();
        while (reader.PeekState() != CborReaderState.EndMap)
        {
            var key = reader.ReadTextString();
            if (key == "b") bitmap = reader.ReadByteString();
            else numbers[key] = reader.ReadInt32();
        }
        return (numbers["o"], numbers["n"], numbers["l"], bitmap);
    }

    private static byte[] DataJson(int block, ReadOnlySpan<byte> data) => Encoding.UTF8.GetBytes(
        new JsonObject { ["f"] = 0, ["l"] = data.Length, ["i"] = block, ["p"] = Convert.ToBase64String(data) }.ToJsonString());

    private static byte[] DataCbor(int block, ReadOnlySpan<byte> data)
    {
        var writer = new CborWriter();
        writer.WriteStartMap(4);
        foreach (var (key, value) in new[] { ("f", 0), ("l", data.Length), ("i", block) })
        {
            writer.WriteTextString(key);
            writer.WriteInt32(value);
        }
        writer.WriteTextString("p");
        writer.WriteByteString(data);
        writer.WriteEndMap();
        return writer.Encode();
    }
}
