using System.Text.Unicode;

namespace Fleet.Mqtt;

/// <summary>UTF-8 encoded strings: well-formed, without surrogates and U+0000, at most 65,535 bytes. MQTT 5.0, 1.5.4.</summary>
public static class MqttUtf8
{
    public const int MaxBytes = 65_535;

    public static bool IsValid(ReadOnlySpan<byte> text) => text.Length <= MaxBytes && !text.Contains((byte)0) && Utf8.IsValid(text);
}
