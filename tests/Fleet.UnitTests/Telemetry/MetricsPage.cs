using System.Diagnostics.Metrics;
using System.Text;
using Fleet.Silo.Api;
using Fleet.Silo.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry.Metrics;

namespace Fleet.UnitTests.Telemetry;

/// <summary>The metrics port of one host, without a socket.</summary>
internal sealed class MetricsPage : IDisposable
{
    private readonly ServiceProvider _services;
    private readonly RequestDelegate _port;

    public MetricsPage(Action<IServiceCollection>? add = null)
    {
        var configuration = new ConfigurationBuilder().Build();
        var services = new ServiceCollection().AddSingleton<IConfiguration>(configuration).AddLogging().AddMetrics().AddFleetApi();
        services.AddFleetTelemetry(configuration).AddHealthChecks();
        add?.Invoke(services);
        _services = services.BuildServiceProvider();
        _services.GetRequiredService<MeterProvider>();
        Meters = _services.GetRequiredService<IMeterFactory>();
        var app = new ApplicationBuilder(_services);
        app.UseMetricsPort();
        _port = app.Build();
    }

    public IMeterFactory Meters { get; }

    /// <returns>Values by series, of the text format.</returns>
    public async Task<Dictionary<string, double>> Series() => ExpositionParser.Parse((await Get("/metrics")).Body);

    public async Task<(HttpResponse Response, string Body)> Get(string path, string? accept = null, string method = "GET")
    {
        var body = new MemoryStream();
        var context = new DefaultHttpContext { RequestServices = _services, Response = { Body = body } };
        context.Features.Set(MetricsPort.Mark.Instance);
        (context.Request.Method, context.Request.Path) = (method, path);
        if (accept is not null) context.Request.Headers.Accept = accept;
        await _port(context);
        await context.Response.BodyWriter.FlushAsync();
        return (context.Response, Encoding.UTF8.GetString(body.ToArray()));
    }

    public void Dispose() => _services.Dispose();
}
