using System.Text.Json;
using System.Text.Json.Serialization;
using Fleet.Grains.Index;
using Fleet.Interfaces.Firmware;

namespace Fleet.Grains.Firmware;

/// <summary>What is kept of one version of one model's firmware. The bytes are in the blob store, under their digest.</summary>
internal sealed record FirmwareState : ICatalogued
{
    /// <summary>Null until it is uploaded.</summary>
    public FirmwareView? Firmware { get; init; }

    public CatalogRow? ToCatalogRow() => Firmware is { } firmware
        ? new CatalogRow(
            "firmware", FirmwareKeys.Of(firmware.Model, firmware.Version),
            JsonNamingPolicy.CamelCase.ConvertName(firmware.Status.ToString()),
            firmware.UploadedAt)
        : null;
}

[JsonSerializable(typeof(FirmwareState))]
internal sealed partial class FirmwareJson : JsonSerializerContext;
