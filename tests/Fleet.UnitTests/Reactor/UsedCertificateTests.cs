using Fleet.Gateway.Reactor.Tls;

namespace Fleet.UnitTests.Reactor;

public sealed class UsedCertificateTests
{
    [Fact]
    public void What_nobody_looks_at_any_more_is_taken_out_of_it()
    {
        using var device = new TestPki().Device();
        Assert.True(device.Extensions.Count > 0);
        using var certificate = CertificateHandle.Read(device.RawData);
        UsedCertificate.Shed(certificate.Pointer);
        Assert.Equal(0, LibCrypto.TakeExtension(certificate.Pointer, 0));

        // A second time there is nothing to find, and nothing breaks.
        UsedCertificate.Shed(certificate.Pointer);
    }
}
