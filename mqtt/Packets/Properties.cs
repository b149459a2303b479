namespace Fleet.Mqtt;

/// <summary>One property. Numbers of all widths are in <see cref="Number"/>, strings and binary data in <see cref="Value"/>.</summary>
public readonly ref struct Property
{
    public PropertyId Id { get; init; }
    public uint Number { get; init; }
    public ReadOnlySpan<byte> Value { get; init; }

    /// <summary>Of a user property.</summary>
    public ReadOnlySpan<byte> Name { get; init; }
}

/// <summary>
/// The properties of a packet, borrowed and already checked: known, allowed in their packet, in range, not repeated. Packets carry
/// few, so each getter walks them. MQTT 5.0, 2.2.2.
/// </summary>
public readonly ref struct Properties
{
    internal Properties(ReadOnlySpan<byte> bytes) => Bytes = bytes;

    /// <summary>Properties that were taken from a packet, and so were checked.</summary>
    public static Properties Of(ReadOnlySpan<byte> bytes) => new(bytes);

    /// <summary>As on the wire, without the length in front.</summary>
    public ReadOnlySpan<byte> Bytes { get; }

    public bool IsEmpty => Bytes.IsEmpty;

    public bool PayloadIsUtf8 => Number(PropertyId.PayloadFormatIndicator) == 1;

    /// <summary>Seconds.</summary>
    public uint? MessageExpiryInterval => Number(PropertyId.MessageExpiryInterval);

    public ReadOnlySpan<byte> ContentType => Text(PropertyId.ContentType);
    public ReadOnlySpan<byte> ResponseTopic => Text(PropertyId.ResponseTopic);

    /// <summary>The first; a PUBLISH to a client with several matching subscriptions carries several.</summary>
    public uint? SubscriptionIdentifier => Number(PropertyId.SubscriptionIdentifier);

    /// <summary>Seconds; 0xFFFFFFFF: for ever.</summary>
    public uint? SessionExpiryInterval => Number(PropertyId.SessionExpiryInterval);

    public ReadOnlySpan<byte> AssignedClientIdentifier => Text(PropertyId.AssignedClientIdentifier);

    /// <summary>Seconds.</summary>
    public ushort? ServerKeepAlive => (ushort?)Number(PropertyId.ServerKeepAlive);

    public ReadOnlySpan<byte> AuthenticationMethod => Text(PropertyId.AuthenticationMethod);
    public bool RequestProblemInformation => Number(PropertyId.RequestProblemInformation) != 0;

    /// <summary>Seconds.</summary>
    public uint WillDelayInterval => Number(PropertyId.WillDelayInterval) ?? 0;

    public bool RequestResponseInformation => Number(PropertyId.RequestResponseInformation) == 1;
    public ReadOnlySpan<byte> ServerReference => Text(PropertyId.ServerReference);
    public ReadOnlySpan<byte> ReasonString => Text(PropertyId.ReasonString);
    public ushort ReceiveMaximum => (ushort)(Number(PropertyId.ReceiveMaximum) ?? 65_535);
    public ushort TopicAliasMaximum => (ushort)(Number(PropertyId.TopicAliasMaximum) ?? 0);
    public ushort? TopicAlias => (ushort?)Number(PropertyId.TopicAlias);
    public Qos MaximumQos => (Qos)(Number(PropertyId.MaximumQos) ?? 2);
    public bool RetainAvailable => Number(PropertyId.RetainAvailable) != 0;

    /// <summary>Bytes, fixed header included.</summary>
    public uint? MaximumPacketSize => Number(PropertyId.MaximumPacketSize);

    public bool WildcardSubscriptionAvailable => Number(PropertyId.WildcardSubscriptionAvailable) != 0;
    public bool SubscriptionIdentifierAvailable => Number(PropertyId.SubscriptionIdentifierAvailable) != 0;
    public bool SharedSubscriptionAvailable => Number(PropertyId.SharedSubscriptionAvailable) != 0;

    public bool Has(PropertyId id) => TryGet(id, out _);

    public bool TryGet(PropertyId id, out Property property)
    {
        foreach (var candidate in this)
        {
            if (candidate.Id != id) continue;
            property = candidate;
            return true;
        }
        property = default;
        return false;
    }

    public Enumerator GetEnumerator() => new(Bytes);

    /// <summary>Reads and checks the length and the properties of <paramref name="owner"/>.</summary>
    internal static Properties Read(scoped ref BodyReader body, PropertyOwner owner)
    {
        int length = body.ReadVariableByteInteger();
        if (length == 0) return default;
        var bytes = body.ReadBytes(length);
        var reader = new BodyReader(bytes);
        ulong seen = 0;
        for (int count = 1; !reader.AtEnd; count++)
        {
            if (count > PropertyRules.MaxCount)
                throw new MqttProtocolException(
                    ReasonCode.QuotaExceeded, $"More than {PropertyRules.MaxCount} properties in one packet (4.13).");
            var property = ReadOne(ref reader);
            if (!PropertyRules.Allows(owner, property.Id)) throw Fault.Protocol($"{property.Id} does not belong to {owner} (2.2.2.2)");
            ulong bit = 1UL << (int)property.Id;
            if ((seen & bit) != 0 && !PropertyRules.MayRepeat(owner, property.Id)) throw Fault.Protocol($"{property.Id} twice (2.2.2.2)");
            seen |= bit;
            PropertyRules.CheckValue(property);
        }
        const ulong Method = 1UL << (int)PropertyId.AuthenticationMethod, Data = 1UL << (int)PropertyId.AuthenticationData;
        if ((seen & Data) != 0 && (seen & Method) == 0) throw Fault.Protocol("authentication data without a method (3.1.2.11.10)");
        return new Properties(bytes);
    }

    /// <summary>Does not look into strings: that is done once, when the packet is parsed.</summary>
    internal static Property ReadOne(scoped ref BodyReader reader)
    {
        int id = reader.ReadVariableByteInteger();
        return PropertyRules.KindOf(id) switch
        {
            PropertyKind.Byte => new Property { Id = (PropertyId)id, Number = reader.ReadByte() },
            PropertyKind.TwoBytes => new Property { Id = (PropertyId)id, Number = reader.ReadUInt16() },
            PropertyKind.FourBytes => new Property { Id = (PropertyId)id, Number = reader.ReadUInt32() },
            PropertyKind.VariableByteInteger => new Property { Id = (PropertyId)id, Number = (uint)reader.ReadVariableByteInteger() },
            PropertyKind.Binary => new Property { Id = (PropertyId)id, Value = reader.ReadBinary() },
            PropertyKind.Utf8 => new Property { Id = (PropertyId)id, Value = reader.ReadBinary() },
            PropertyKind.Utf8Pair => new Property { Id = (PropertyId)id, Name = reader.ReadBinary(), Value = reader.ReadBinary() },
            _ => throw Fault.Malformed($"unknown property 0x{id:X2} (2.2.2.2)"),
        };
    }

    private uint? Number(PropertyId id) => TryGet(id, out var property) ? property.Number : null;

    private ReadOnlySpan<byte> Text(PropertyId id) => TryGet(id, out var property) ? property.Value : default;

    public ref struct Enumerator
    {
        private BodyReader _reader;

        internal Enumerator(ReadOnlySpan<byte> bytes)
        {
            _reader = new BodyReader(bytes);
            Current = default;
        }

        public Property Current { get; private set; }

        public bool MoveNext()
        {
            if (_reader.AtEnd) return false;
            Current = ReadOne(ref _reader);
            return true;
        }
    }
}
