using System.Buffers;
using System.Buffers.Binary;
using System.Text;

namespace Fleet.Mqtt;

/// <summary>Collects properties to write. Keep one and <see cref="Clear"/> it: it then allocates nothing.</summary>
public sealed class PropertyBuilder
{
    private readonly ArrayBufferWriter<byte> _bytes = new(64);

    /// <summary>Valid until the next change.</summary>
    public Properties Properties => new(_bytes.WrittenSpan);

    public PropertyBuilder Clear()
    {
        _bytes.ResetWrittenCount();
        return this;
    }

    public PropertyBuilder Add(PropertyId id, uint number)
    {
        var kind = PropertyRules.KindOf((int)id);
        var span = _bytes.GetSpan(5);
        span[0] = (byte)id;
        switch (kind)
        {
            case PropertyKind.Byte:
                span[1] = checked((byte)number);
                _bytes.Advance(2);
                break;
            case PropertyKind.TwoBytes:
                BinaryPrimitives.WriteUInt16BigEndian(span[1..], checked((ushort)number));
                _bytes.Advance(3);
                break;
            case PropertyKind.FourBytes:
                BinaryPrimitives.WriteUInt32BigEndian(span[1..], number);
                _bytes.Advance(5);
                break;
            case PropertyKind.VariableByteInteger when number <= Framing.MaxVariableByteInteger:
                int at = 1;
                for (; number > 0x7F; number >>= 7) span[at++] = (byte)(number | 0x80);
                span[at++] = (byte)number;
                _bytes.Advance(at);
                break;
            default:
                throw new ArgumentException($"{id} does not hold the number {number}.");
        }
        return this;
    }

    public PropertyBuilder Add(PropertyId id, ReadOnlySpan<byte> value)
    {
        if (PropertyRules.KindOf((int)id) is not (PropertyKind.Binary or PropertyKind.Utf8))
            throw new ArgumentException($"{id} holds no bytes.");
        _bytes.Write<byte>([(byte)id]);
        WriteBinary(value);
        return this;
    }

    public PropertyBuilder Add(PropertyId id, string value)
    {
        if (PropertyRules.KindOf((int)id) is not PropertyKind.Utf8) throw new ArgumentException($"{id} holds no string.");
        _bytes.Write<byte>([(byte)id]);
        WriteString(value);
        return this;
    }

    public PropertyBuilder AddUserProperty(string name, string value)
    {
        _bytes.Write<byte>([(byte)PropertyId.UserProperty]);
        WriteString(name);
        WriteString(value);
        return this;
    }

    public PropertyBuilder Add(in Property property)
    {
        switch (PropertyRules.KindOf((int)property.Id))
        {
            case PropertyKind.Utf8Pair:
                _bytes.Write<byte>([(byte)property.Id]);
                WriteBinary(property.Name);
                WriteBinary(property.Value);
                return this;
            case PropertyKind.Binary or PropertyKind.Utf8:
                return Add(property.Id, property.Value);
            default:
                return Add(property.Id, property.Number);
        }
    }

    /// <summary>
    /// What a server passes on unaltered from a publisher to subscribers, in the publisher's order: all but topic alias, subscription
    /// identifiers and message expiry, which are the connection's or count down. MQTT 5.0, 3.3.2.3.
    /// </summary>
    public PropertyBuilder AddForwarded(Properties published)
    {
        foreach (var property in published)
        {
            if (property.Id is PropertyId.PayloadFormatIndicator or PropertyId.ContentType or PropertyId.ResponseTopic
                or PropertyId.CorrelationData or PropertyId.UserProperty)
                Add(property);
        }
        return this;
    }

    private void WriteBinary(ReadOnlySpan<byte> value)
    {
        if (value.Length > MqttUtf8.MaxBytes)
            throw new ArgumentException($"A field of {value.Length} bytes is over 65,535 (1.5.4, 1.5.6).");
        var span = _bytes.GetSpan(2 + value.Length);
        BinaryPrimitives.WriteUInt16BigEndian(span, (ushort)value.Length);
        value.CopyTo(span[2..]);
        _bytes.Advance(2 + value.Length);
    }

    private void WriteString(string value)
    {
        int length = Encoding.UTF8.GetByteCount(value);
        if (length > MqttUtf8.MaxBytes) throw new ArgumentException($"A field of {length} bytes is over 65,535 (1.5.4).");
        var span = _bytes.GetSpan(2 + length);
        BinaryPrimitives.WriteUInt16BigEndian(span, (ushort)length);
        Encoding.UTF8.GetBytes(value, span[2..]);
        _bytes.Advance(2 + length);
    }
}
