using System.Text.Json.Serialization;
using Fleet.Interfaces.Messaging;

namespace Fleet.Grains.Messaging;

/// <summary>The gateways, as they are kept. Written when one comes or goes; their beats are not.</summary>
internal sealed record GatewayRegistryState
{
    public long Version { get; init; }

    /// <summary>The number that was given last.</summary>
    public int LastNumber { get; init; }
    public ImmutableArray<GatewayMember> Gateways { get => field.IsDefault ? [] : field; init; }

    /// <summary>Those that ended, until another has their sessions and none of their devices stands as connected.</summary>
    public ImmutableArray<string> Dead { get => field.IsDefault ? [] : field; init; }

    [JsonIgnore]
    public GatewayView View => new(Version, Gateways, Dead);

    [JsonIgnore]
    public bool IsEmpty => Gateways.IsEmpty && Dead.IsEmpty;
}

[JsonSerializable(typeof(GatewayRegistryState))]
[JsonSerializable(typeof(SessionState))]
internal sealed partial class MessagingJson : JsonSerializerContext;
