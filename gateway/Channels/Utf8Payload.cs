using System.Buffers;
using System.Text.Unicode;

namespace Fleet.Gateway.Channels;

/// <summary>
/// A payload whose sender says that it is text (MQTT 5.0, 3.3.2.3.2 and 3.1.3.2.3): a server may look, and this one does.
/// </summary>
internal static class Utf8Payload
{
    public static bool IsValid(in ReadOnlySequence<byte> payload) =>
        Utf8.IsValid(payload.IsSingleSegment ? payload.FirstSpan : payload.ToArray());
}
