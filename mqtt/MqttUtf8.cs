using System.Text;
using System.Text.Unicode;

namespace Fleet.Mqtt;

/// <summary>UTF-8 encoded strings: well-formed, without surrogates and U+0000, at most 65,535 bytes. MQTT 5.0, 1.5.4.</summary>
public static class MqttUtf8
{
    public const int MaxBytes = 65_535;

    public static bool IsValid(ReadOnlySpan<byte> text) => text.Length <= MaxBytes && !text.Contains((byte)0) && Utf8.IsValid(text);

    /// <summary>Whether the string, encoded, is valid.</summary>
    public static bool IsValid(string text)
    {
        if (text.Length > MaxBytes || text.Contains('\0') || Encoding.UTF8.GetByteCount(text) > MaxBytes) return false;
        for (int i = text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF'); i >= 0 && i < text.Length; i++)
        {
            if (!char.IsSurrogate(text[i])) continue;
            if (i + 1 == text.Length || !char.IsSurrogatePair(text[i], text[i + 1])) return false;
            i++;
        }
        return true;
    }
}
