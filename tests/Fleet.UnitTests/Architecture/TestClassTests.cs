namespace Fleet.UnitTests.Architecture;

/// <summary>What a test takes it gives back.</summary>
public sealed class TestClassTests
{
    /// <summary>xunit 2 knows IDisposable and IAsyncLifetime, and passes over what only says IAsyncDisposable.</summary>
    [Fact]
    public void Those_that_end_asynchronously_say_so_in_the_way_that_is_heard() => Assert.Empty(
        from type in typeof(TestClassTests).Assembly.GetTypes()
        where typeof(IAsyncDisposable).IsAssignableFrom(type) && !typeof(IAsyncLifetime).IsAssignableFrom(type)
        where type.GetMethods().Any(method => method.IsDefined(typeof(FactAttribute), inherit: true))
        select type.FullName);
}
