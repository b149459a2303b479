using Fleet.Gateway.Reactor.Tls;

namespace Fleet.UnitTests.Reactor;

public sealed class HandshakeMemoryTests
{
    private readonly HandshakeMemory _memory;
    private int _givenBack;

    public HandshakeMemoryTests() => _memory = new HandshakeMemory(() => _givenBack++);

    [Fact]
    public void Memory_is_given_back_when_a_rush_is_over_and_once()
    {
        Handshakes(5_000);
        Assert.Equal(0, _givenBack);
        Handshakes(3);
        Assert.Equal(1, _givenBack);
        Handshakes(0);
        Assert.Equal(1, _givenBack);
    }

    [Fact]
    public void The_next_rush_counts_anew()
    {
        Handshakes(5_000);
        Handshakes(0);
        Handshakes(999);
        Handshakes(0);
        Assert.Equal(1, _givenBack);
        Handshakes(1);
        Assert.Equal(2, _givenBack);
    }

    /// <summary>As many as begin before the next tick.</summary>
    private void Handshakes(int count)
    {
        for (int i = 0; i < count; i++) _memory.HandshakeBegins();
        _memory.Tick(0);
    }
}
