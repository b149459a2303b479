using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace Fleet.DeviceSim.Faults;

/// <summary>The faults planted in one device. Who has which follows from seed and thing name alone, whatever the order of events.</summary>
internal sealed class DeviceFaults
{
    private readonly ImmutableArray<FaultSpec> _planted;
    private readonly HashSet<(FaultKind, string Update)> _spent = [];

    private DeviceFaults(ImmutableArray<FaultSpec> planted) => _planted = planted;

    public static DeviceFaults None { get; } = new([]);

    /// <summary>How often each kind has struck, for the summary.</summary>
    public ImmutableSortedDictionary<FaultKind, int> Struck { get; private set; } = ImmutableSortedDictionary<FaultKind, int>.Empty;

    public static DeviceFaults Draw(IEnumerable<FaultSpec> specs, int seed, string thing) =>
        new([.. specs.Where(spec => spec.Things.Contains(thing) || Uniform($"{seed}/{spec.Kind}/{spec.Version}/{thing}") < spec.Share)]);

    public bool Has(FaultKind kind, string version) =>
        _planted.Any(spec => spec.Kind == kind && (spec.Version is null || spec.Version == version));

    /// <summary>True whenever the device has this fault, and counts it: a broken flash stays broken.</summary>
    public bool Strikes(FaultKind kind, string version)
    {
        if (!Has(kind, version)) return false;
        Struck = Struck.SetItem(kind, Struck.GetValueOrDefault(kind) + 1);
        return true;
    }

    /// <summary>True the first time in one update: what passes once is mended by trying again.</summary>
    public bool StrikesOnce(FaultKind kind, string version, string update) =>
        Has(kind, version) && _spent.Add((kind, update)) && Strikes(kind, version);

    /// <summary>0 (inclusive) to 1 (exclusive), the same for the same text on every machine.</summary>
    private static double Uniform(string text) =>
        (BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text))) >> 11) * (1.0 / (1ul << 53));
}
