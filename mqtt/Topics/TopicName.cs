namespace Fleet.Mqtt;

/// <summary>What is published to. MQTT 5.0, 4.7. Bytes are UTF-8, already known to be well-formed without U+0000.</summary>
public static class TopicName
{
    /// <summary>At least one byte, at most 65,535, no wildcards.</summary>
    public static bool IsValid(ReadOnlySpan<byte> name) =>
        !name.IsEmpty && name.Length <= MqttUtf8.MaxBytes && !name.ContainsAny((byte)'+', (byte)'#');

    /// <summary>As <see cref="IsValid(ReadOnlySpan{byte})"/>, for a name that nobody has checked yet.</summary>
    public static bool IsValid(string name) => name.Length > 0 && !name.AsSpan().ContainsAny('+', '#') && MqttUtf8.IsValid(name);

    /// <summary>Levels of a topic name or filter: one more than it has slashes.</summary>
    public static int CountLevels(ReadOnlySpan<byte> name) => name.Count((byte)'/') + 1;
}
