using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Devices;
using Fleet.Interfaces.Jobs;
using Fleet.Interfaces.Naming;

namespace Fleet.IntegrationTests.Support;

/// <summary>Grains in the states that tests of Orleans' semantics start from.</summary>
internal static class OrleansGiven
{
    public static readonly ModelName Amr = Name<ModelName>("amr");
    public static readonly FirmwareVersion V2 = Name<FirmwareVersion>("2.0.0");

    public static T Name<T>(string text) where T : struct, IName<T> => T.TryParse(text, out var name) ? name : throw new ArgumentException(text);

    public static IDeviceGrain Device(this OrleansCluster cluster, string thing) => cluster.Grains.GetGrain<IDeviceGrain>(thing);

    public static async Task<IDeviceGrain> Registered(this OrleansCluster cluster, string thing)
    {
        var device = cluster.Device(thing);
        await device.Register(new DeviceRegistration(Amr, ImmutableSortedDictionary<string, string>.Empty, DeviceRegistration.ByOperator));
        return device;
    }

    public static async Task<IDeviceGrain> Connected(this OrleansCluster cluster, string thing, ObservedGateway gateway)
    {
        var device = await cluster.Registered(thing);
        await device.Connected(Session(thing, gateway.Id));
        return device;
    }

    public static DeviceSession Session(string thing, string gateway, long epoch = 1) =>
        new($"session-of-{thing}-{epoch}", gateway, "10.0.0.1", TimeProvider.System.GetUtcNow(), new(epoch));

    public static JobOffer Offer(int number = 1) => new(
        Name<JobId>("r-1"), number, "r-1/0", Amr, V2, Name<Interfaces.Naming.StreamId>("fw-2"), "{}", TimeProvider.System.GetUtcNow().AddDays(1), BootProof: false, TimeSpan.Zero);

    public static async Task<ICertificateGrain> DeviceCertificate(this OrleansCluster cluster, char digit)
    {
        var id = Name<CertificateId>(new string(digit, 64));
        var now = TimeProvider.System.GetUtcNow();
        var certificate = cluster.Grains.GetGrain<ICertificateGrain>(id.Value);
        await certificate.Record(
            new CertificateView
            {
                Id = id,
                Kind = CertificateKind.Device,
                Status = CertificateStatus.Active,
                SerialNumber = "01",
                NotBefore = now,
                NotAfter = now.AddYears(1),
                Thing = Name<ThingName>("amr-1"),
                Template = null,
                Label = null,
                Der = [],
                CreatedAt = now,
            },
            ownershipTokenSha256: null);
        return certificate;
    }
}
