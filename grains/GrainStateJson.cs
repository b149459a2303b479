using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Fleet.Grains;

/// <summary>How grain states are written as JSON. Each feature adds the source-generated context of its own states.</summary>
public static class GrainStateJson
{
    private static readonly List<IJsonTypeInfoResolver> Contexts =
    [
        Certificates.CertificatesJson.Default,
        Devices.DevicesJson.Default,
        Firmware.FirmwareJson.Default,
        Messaging.MessagingJson.Default,
        Rollouts.RolloutsJson.Default,
        Rules.RulesJson.Default,
        Shadows.ShadowsJson.Default,
        Streams.StreamsJson.Default,
    ];

    public static JsonSerializerOptions Options { get; } = Make();

    private static JsonSerializerOptions Make()
    {
        var options = new JsonSerializerOptions(JsonSerializerDefaults.Web)
        {
            TypeInfoResolver = JsonTypeInfoResolver.Combine([.. Contexts]),
        };
        options.Converters.Add(new System.Text.Json.Serialization.JsonStringEnumConverter(JsonNamingPolicy.CamelCase));
        options.MakeReadOnly();
        return options;
    }
}
