using System.Text.Json.Serialization;
using Fleet.Interfaces.Streams;

namespace Fleet.Grains.Streams;

internal sealed record FirmwareStreamState
{
    /// <summary>Null until the stream is opened.</summary>
    public StreamDescription? Description { get; init; }
}

[JsonSerializable(typeof(FirmwareStreamState))]
internal sealed partial class StreamsJson : JsonSerializerContext;
