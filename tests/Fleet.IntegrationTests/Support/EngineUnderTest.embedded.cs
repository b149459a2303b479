namespace Fleet.IntegrationTests.Support;

/// <summary>What a service needs of its surroundings, by engine: this one nothing.</summary>
internal sealed class EngineUnderTest : IAsyncDisposable
{
    public IReadOnlyList<string> Settings { get; } = [];

    public static Task<EngineUnderTest> Make() => Task.FromResult(new EngineUnderTest());

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
