using System.Threading.Channels;
using Fleet.IntegrationTests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Fleet.IntegrationTests;

/// <summary>What rules post to: an HTTP server that answers with one status, and keeps what came.</summary>
internal sealed class RuleReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Channel<Call> _calls = Channel.CreateUnbounded<Call>();

    private RuleReceiver(WebApplication app) => _app = app;

    public string Url { get; private set; } = "";

    public int Status { get; set; } = 202;

    /// <param name="url">Where another one was; null: anywhere.</param>
    public static async Task<RuleReceiver> Start(string? url = null)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls(url ?? "http://127.0.0.1:0");
        var app = builder.Build();
        var receiver = new RuleReceiver(app);
        app.Run(receiver.Receive);
        await app.StartAsync();
        receiver.Url = app.Urls.First();
        return receiver;
    }

    public async Task<Call> Next() => await _calls.Reader.ReadAsync().AsTask().WaitAsync(Eventually.Patience, TimeProvider.System);

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task Receive(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        string body = await reader.ReadToEndAsync();
        context.Response.StatusCode = Status;
        _calls.Writer.TryWrite(new(context.Request.Path, body, context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase)));
    }

    internal sealed record Call(string Path, string Body, IReadOnlyDictionary<string, string> Headers)
    {
        public string this[string header] => Headers.GetValueOrDefault(header, "");
    }
}
