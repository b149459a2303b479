using Fleet.Gateway.Hosting;

namespace Fleet.UnitTests.Reactor;

/// <summary>Runs where the reactor can: on Linux with OpenSSL 3.</summary>
internal sealed class ReactorFactAttribute : FactAttribute
{
    public ReactorFactAttribute() => Skip = TransportChoice.WhyNoReactor();
}
