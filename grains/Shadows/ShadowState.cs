using System.Text.Json.Serialization;
using Fleet.Interfaces.Devices;

namespace Fleet.Grains.Shadows;

internal sealed record ShadowState
{
    /// <summary>Null until the first update.</summary>
    public ShadowDocument? Document { get; init; }

    /// <summary>
    /// What the device grain has not confirmed yet: the outbox. One report holds all that is outstanding, so that it cannot grow.
    /// </summary>
    public FirmwareReport? UnsentReport { get; init; }
}

[JsonSerializable(typeof(ShadowState))]
internal sealed partial class ShadowsJson : JsonSerializerContext;
