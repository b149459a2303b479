using System.Buffers;
using System.Formats.Cbor;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Fleet.Gateway;
using Fleet.Gateway.AwsTopics;
using Fleet.Gateway.Blocks;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Naming;
using Fleet.Interfaces.Streams;
using Fleet.Mqtt;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace Fleet.UnitTests.Gateway;

/// <summary>spec/aws-iot-topics.md, section 3, from the request to the bytes of the blocks.</summary>
public sealed class StreamTopicsTests : IDisposable
{
    private const string Stream = "$aws/things/amr-1/streams/fw-1";

    private readonly GatewayParts _parts = new();
    private readonly StubGrains _grains = new();
    private readonly FileSource _blobs = new(300_000);
    private readonly BlockCache _cache;
    private readonly StreamTopics _topics;
    private readonly TestClient _device;
    private bool _mayDownload = true;

    public StreamTopicsTests()
    {
        _cache = new BlockCache(_blobs, Microsoft.Extensions.Options.Options.Create(new BlockCacheOptions()), _parts.Clock, _parts.Metrics);
        var description = new StreamDescription(
            "firmware", [new StreamFile(0, _blobs.Bytes.Length, "abc"), new StreamFile(1, 10, "missing")]);
        _grains
            .On<IFirmwareStreamGrain>("Lease", (key, _) => Task.FromResult(
                key == "fw-1" ? new StreamLease(1, description, _parts.Clock.UtcNow.AddMinutes(1)) : null))
            .On<IDeviceGrain>("MayDownload", (_, _) => Task.FromResult(_mayDownload));
        _topics = new StreamTopics(
            _grains, new StreamLeases(_grains, new GatewayIdentity(), _parts.Clock), _cache, _parts.Clock, _parts.Metrics,
            NullLogger<StreamTopics>.Instance);
        _device = TestClient.Connected(_parts, GatewayParts.Device("amr-1"));
    }

    [Fact]
    public async Task Describe_lists_the_files()
    {
        _device.Subscribed($"{Stream}/description/+");
        await Ask($"{Stream}/describe/json", """{"c":"t"}""");
        Assert.Equal(
            $$"""{{Stream}}/description/json={"c":"t","s":1,"d":"firmware","r":[{"f":0,"z":300000},{"f":1,"z":10}]}""",
            Assert.Single(_device.ReadMessages()));
        await Ask($"{Stream}/describe/cbor", "");
        Assert.Equal("A3617301616468", Convert.ToHexString(Payloads()[0])[..14]);
    }

    [Theory, InlineData("json", Qos.AtMostOnce), InlineData("cbor", Qos.AtMostOnce), InlineData("json", Qos.AtLeastOnce)]
    [InlineData("cbor", Qos.AtLeastOnce)]
    public async Task Blocks_add_up_to_the_file(string format, Qos qos)
    {
        _device.Subscribed($"{Stream}/data/{format}", qos);
        byte[] file = new byte[_blobs.Bytes.Length];
        int size = 4_000, blocks = (file.Length + size - 1) / size, received = 0;
        for (int offset = 0; offset < blocks; offset += 32)
        {
            await Ask($"{Stream}/get/{format}", format == "json"
            ? Encoding.UTF8.GetBytes($$"""{"s":1,"c":"tök","f":0,"l":{{size}},"o":{{offset}},"n":32}""")
            : Cbor(("f", 0), ("l", size), ("o", offset), ("n", 32)));
            int last = -1;
            foreach (byte[] payload in Payloads())
            {
                var (token, block, length, bytes) = format == "json" ? ReadJson(payload) : ReadCbor(payload);
                Assert.Equal(format == "json" ? "tök" : null, token);
                Assert.True(block > last, "Blocks come in ascending order.");
                Assert.Equal(length, bytes.Length);
                bytes.CopyTo(file, block * size);
                (last, received) = (block, received + 1);
            }
            if (qos == Qos.AtLeastOnce) for (int id = 1; id <= received; id++) _device.Send($"40 02 {id >> 8:X2} {id & 0xFF:X2}");
        }
        Assert.Equal(blocks, received);
        Assert.Equal(SHA256.HashData(_blobs.Bytes), SHA256.HashData(file));
        Assert.True(_blobs.Opened <= 3, "A segment is read once.");
    }

    [Fact]
    public async Task The_bitmap_of_the_guide_brings_its_four_blocks()
    {
        _device.Subscribed($"{Stream}/data/json");
        await Ask($"{Stream}/get/json", """{"f":0,"l":256,"o":20,"b":"0x130080"}""");
        Assert.Equal([20, 21, 24, 43], Payloads().Select(p => ReadJson(p).Block));
    }

    [Fact]
    public async Task One_block_may_be_all_of_128_KiB()
    {
        _device.Subscribed($"{Stream}/data/cbor");
        await Ask($"{Stream}/get/cbor", Cbor(("f", 0), ("l", 131_072), ("o", 1), ("n", 5)));
        var (_, block, length, bytes) = ReadCbor(Assert.Single(Payloads()));
        Assert.Equal((1, 131_072), (block, length));
        Assert.Equal(_blobs.Bytes[131_072..262_144], bytes);
    }

    [Theory]
    [InlineData("get/json", """{"f":0,"l":100}""", "BlockSizeOutOfBounds")]
    [InlineData("get/json", """{"f":0,"l":4096,"o":99000}""", "OffsetOutOfBounds")]
    [InlineData("get/json", """{"f":0,"l":4096,"n":99000}""", "BlockCountLimitExceeded")]
    [InlineData("get/json", """{"f":7,"l":4096}""", "ResourceNotFound")]
    [InlineData("get/json", """{"f":1,"l":4096}""", "ResourceNotFound")]
    [InlineData("get/json", """{"s":9,"f":0,"l":4096}""", "VersionMismatch")]
    [InlineData("get/json", """{"f":0,"l":4096,"o":74}""", "InvalidRequest")]
    [InlineData("get/json", """{"l":4096}""", "InvalidRequest")]
    [InlineData("get/json", """{"f":0,"l":"4096"}""", "InvalidRequest")]
    [InlineData("get/json", """{"f":0,"l":4096,"b":"xyz"}""", "InvalidRequest")]
    [InlineData("get/json", "{nonsense", "InvalidJson")]
    [InlineData("fetch/json", "{}", "InvalidTopic")]
    public async Task A_bad_request_is_told_under_both_names(string operation, string body, string code)
    {
        _device.Subscribed($"{Stream}/data/json");
        _device.Subscribed($"{Stream}/rejected/json");
        await Ask($"{Stream}/{operation}", body);
        var answer = JsonNode.Parse(Assert.Single(Payloads()))!;
        Assert.Equal(code, (string?)answer["o"]);
        Assert.Equal(code, (string?)answer["code"]);
        Assert.Equal((string?)answer["m"], (string?)answer["message"]);
    }

    [Fact]
    public async Task What_was_read_of_the_token_comes_back_even_when_the_rest_is_wrong()
    {
        _device.Subscribed($"{Stream}/rejected/+");
        await Ask($"{Stream}/get/json", """{"f":"x","c":"mine"}""");
        Assert.Equal("mine", (string?)JsonNode.Parse(Assert.Single(Payloads()))!["clientToken"]);
        await Ask($"{Stream}/get/cbor", Cbor(("c", "mine"), ("b", "MQ==")));
        Assert.Contains("InvalidCbor", Encoding.UTF8.GetString(Assert.Single(Payloads())), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_stream_and_one_that_no_job_needs_are_refused()
    {
        _device.Subscribed("$aws/things/amr-1/streams/+/rejected/json");
        await Ask("$aws/things/amr-1/streams/fw-2/get/json", """{"f":0,"l":4096}""");
        _mayDownload = false;
        await Ask($"{Stream}/get/json", """{"f":0,"l":4096}""");
        await Ask("$aws/things/amr-1/streams/fw-3/get/json", """{"f":0,"l":4096}""");
        Assert.DoesNotContain("fw-3.Lease", _grains.Calls);
        Assert.Equal(["ResourceNotFound", "Unauthorized", "Unauthorized"], Payloads().Select(p => (string?)JsonNode.Parse(p)!["o"]));
    }

    [Fact]
    public async Task A_permission_is_believed_for_ten_seconds()
    {
        _device.Subscribed($"{Stream}/data/json");
        _device.Subscribed($"{Stream}/rejected/json");
        var requester = new Requester(_device.Session, _device.Session.Identity, _device, () => Task.CompletedTask);
        await Ask($"{Stream}/get/json", """{"f":0,"l":4096,"n":1}""", requester);
        _mayDownload = false;
        await Ask($"{Stream}/get/json", """{"f":0,"l":4096,"n":1}""", requester);
        Assert.Equal(2, Payloads().Count);
        _parts.Time.Advance(TimeSpan.FromSeconds(10));
        await Ask($"{Stream}/get/json", """{"f":0,"l":4096,"n":1}""", requester);
        Assert.Equal("Unauthorized", (string?)JsonNode.Parse(Assert.Single(Payloads()))!["o"]);
        Assert.Equal(1, _grains.Calls.Count(call => call == "fw-1.Lease"));
    }

    [Fact]
    public async Task A_device_that_does_not_listen_gets_nothing()
    {
        await Ask($"{Stream}/get/json", """{"f":0,"l":4096}""");
        await Ask($"{Stream}/get/json", """{"f":0,"l":1}""");
        Assert.Empty(Payloads());
        Assert.Equal(0, _blobs.Opened);
    }

    [Fact]
    public async Task The_cache_stays_within_its_bounds_and_tells_the_truth_under_load()
    {
        var options = Microsoft.Extensions.Options.Options.Create(new BlockCacheOptions { BlockCacheBytes = 2 * BlockCache.SegmentBytes });
        var cache = new BlockCache(_blobs, options, _parts.Clock, _parts.Metrics);
        await Parallel.ForEachAsync(Enumerable.Range(0, 2_000), async (i, _) =>
        {
            var random = new Random(i);
            int offset = random.Next(_blobs.Bytes.Length - 1), length = random.Next(1, Math.Min(200_000, _blobs.Bytes.Length - offset));
            byte[] bytes = new byte[length];
            Assert.True(await cache.Read("abc", offset, bytes));
            Assert.True(bytes.AsSpan().SequenceEqual(_blobs.Bytes.AsSpan(offset, length)), $"{length} bytes at {offset}");
        });
        Assert.False(await cache.Read("abc", _blobs.Bytes.Length - 1, new byte[2]));
        Assert.False(await cache.Read("missing", 0, new byte[1]));
    }

    [Fact]
    public async Task A_blob_that_was_damaged_and_is_stored_anew_is_served_as_it_is_now_after_ten_seconds()
    {
        byte[] good = [.. _blobs.Bytes], bytes = new byte[good.Length];
        _blobs.Store([.. good.Select(b => (byte)~b)], _parts.Clock.UtcNow);
        Assert.True(await _cache.Read("abc", 0, bytes));
        Assert.NotEqual(good, bytes);
        _blobs.Store(good, _parts.Clock.UtcNow.AddSeconds(1));
        _parts.Time.Advance(TimeSpan.FromSeconds(10));
        while (!bytes.AsSpan().SequenceEqual(good)) Assert.True(await _cache.Read("abc", 0, bytes));
    }

    public void Dispose() => _blobs.Dispose();

    private Task Ask(string topic, string body, Requester? requester = null) => Ask(topic, Encoding.UTF8.GetBytes(body), requester);

    private async Task Ask(string topic, byte[] body, Requester? requester = null)
    {
        Assert.True(ReservedTopic.TryParse(Encoding.UTF8.GetBytes(topic), out var reserved), topic);
        await _topics.Handle(new ReservedRequest(reserved, body),
            requester ?? new Requester(_device.Session, _device.Session.Identity, _device, () => Task.CompletedTask));
    }

    private List<byte[]> Payloads()
    {
        var buffer = new ReadOnlySequence<byte>(_device.Read());
        var payloads = new List<byte[]>();
        while (Framing.TryRead(ref buffer, int.MaxValue, out var packet))
        {
            if (packet.Type == PacketType.Publish)
                payloads.Add(PublishPacket.Parse(packet, MqttVersion.V5, Sender.Server).Payload.ToArray());
        }
        return payloads;
    }

    private static byte[] Cbor(params (string Name, object Value)[] members)
    {
        var writer = new CborWriter();
        writer.WriteStartMap(members.Length);
        foreach (var (name, value) in members)
        {
            writer.WriteTextString(name);
            if (value is int number) writer.WriteInt32(number);
            else writer.WriteTextString((string)value);
        }
        writer.WriteEndMap();
        return writer.Encode();
    }

    private static (string? Token, int Block, int Length, byte[] Bytes) ReadJson(byte[] payload)
    {
        var json = JsonNode.Parse(payload)!;
        return ((string?)json["c"], (int)json["i"]!, (int)json["l"]!, Convert.FromBase64String((string)json["p"]!));
    }

    private static (string? Token, int Block, int Length, byte[] Bytes) ReadCbor(byte[] payload)
    {
        var reader = new CborReader(payload);
        var (token, block, length, bytes) = ((string?)null, -1, -1, Array.Empty<byte>());
        Assert.NotNull(reader.ReadStartMap());
        while (reader.PeekState() != CborReaderState.EndMap)
        {
            switch (reader.ReadTextString())
            {
                case "c": token = reader.ReadTextString(); break;
                case "i": block = reader.ReadInt32(); break;
                case "l": length = reader.ReadInt32(); break;
                case "p": bytes = reader.ReadByteString(); break;
                default: reader.SkipValue(); break;
            }
        }
        return (token, block, length, bytes);
    }

    private sealed class FileSource : IBlobSource, IDisposable
    {
        private readonly string _path = Path.GetTempFileName();

        public FileSource(int size)
        {
            Bytes = new byte[size];
            new Random(7).NextBytes(Bytes);
            Store(Bytes, DateTimeOffset.UnixEpoch);
        }

        public byte[] Bytes { get; }
        public int Opened { get; private set; }

        public SafeFileHandle? OpenRead(string sha256)
        {
            if (sha256 != "abc") return null;
            Opened++;
            return File.OpenHandle(_path);
        }

        /// <summary>As uploads do: in a file of its own, which takes the place of the former.</summary>
        public void Store(byte[] bytes, DateTimeOffset at)
        {
            File.WriteAllBytes(_path + ".new", bytes);
            File.SetLastWriteTimeUtc(_path + ".new", at.UtcDateTime);
            File.Move(_path + ".new", _path, overwrite: true);
        }

        public void Dispose() => File.Delete(_path);
    }
}
