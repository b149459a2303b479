using Fleet.Silo.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Options;

namespace Fleet.UnitTests.Telemetry;

public sealed class HealthTests
{
    [Fact]
    public async Task Ready_is_who_passes_every_check()
    {
        using var port = new MetricsPage(services => services.AddReadiness<Good>("storage").AddReadiness<Good>("gateway"));
        var (response, body) = await port.Get("/readyz");
        Assert.Equal((200, """{"status":"ok","checks":{"gateway":"ok","storage":"ok"}}"""), (response.StatusCode, body));
        Assert.StartsWith("application/json", response.ContentType, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_is_not_ready_says_what_is_wrong_and_is_alive()
    {
        using var port = new MetricsPage(
            services => services.AddReadiness<Good>("gateway").AddReadiness<Bad>("storage").AddReadiness<Broken>("cluster"));
        var (response, body) = await port.Get("/readyz");
        string expected = """{"status":"unavailable","checks":{"cluster":"broken","gateway":"ok","storage":"the disk is full"}}""";
        Assert.Equal((503, expected), (response.StatusCode, body));
        (response, body) = await port.Get("/healthz");
        Assert.Equal((200, """{"status":"ok"}"""), (response.StatusCode, body));
    }

    [Fact]
    public async Task A_check_that_hangs_has_failed_when_its_time_is_over()
    {
        using var port = new MetricsPage(services => services.AddReadiness<Good>("gateway").AddReadiness<Hanging>("storage")
            .PostConfigure<HealthCheckServiceOptions>(options => ShortenTo(TimeSpan.FromMilliseconds(1), options)));
        var (response, body) = await port.Get("/readyz");
        string expected = """{"status":"unavailable","checks":{"gateway":"ok","storage":"A timeout occurred while running check."}}""";
        Assert.Equal((503, expected), (response.StatusCode, body));
    }

    private static void ShortenTo(TimeSpan patience, HealthCheckServiceOptions options)
    {
        foreach (var check in options.Registrations)
        {
            Assert.True(check.Timeout > TimeSpan.Zero, $"{check.Name} would be waited for for ever.");
            check.Timeout = patience;
        }
    }

    private sealed class Good : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(HealthCheckResult.Healthy());
    }

    private sealed class Bad : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            Task.FromResult(HealthCheckResult.Unhealthy("the disk is full"));
    }

    private sealed class Broken : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            throw new InvalidOperationException("broken");
    }

    private sealed class Hanging : IHealthCheck
    {
        public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
            new TaskCompletionSource<HealthCheckResult>().Task.WaitAsync(cancellationToken);
    }
}
