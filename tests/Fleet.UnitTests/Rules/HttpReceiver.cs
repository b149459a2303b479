using System.Collections.Concurrent;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Fleet.UnitTests.Rules;

/// <summary>A real HTTP server on loopback that answers as the test says, and notes what came.</summary>
internal sealed class HttpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly Channel<Received> _received = Channel.CreateUnbounded<Received>();

    private HttpReceiver(WebApplication app) => _app = app;

    public string Url { get; private set; } = "";

    /// <summary>By default all is well.</summary>
    public Func<Received, HttpContext, Task> Answer { get; set; } = (_, _) => Task.CompletedTask;

    public ConcurrentBag<string> MessageIds { get; } = [];

    public static async Task<HttpReceiver> Start()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var app = builder.Build();
        var receiver = new HttpReceiver(app);
        app.Run(receiver.Receive);
        await app.StartAsync();
        receiver.Url = app.Urls.First();
        return receiver;
    }

    public static Func<Received, HttpContext, Task> Status(int status) => (_, context) =>
    {
        context.Response.StatusCode = status;
        return Task.CompletedTask;
    };

    public async Task<Received> Next() => await _received.Reader.ReadAsync().AsTask().WaitAsync(TimeSpan.FromSeconds(20), TimeProvider.System);

    public async Task<List<Received>> Next(int count)
    {
        List<Received> all = [];
        while (all.Count < count) all.Add(await Next());
        return all;
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    private async Task Receive(HttpContext context)
    {
        using var reader = new StreamReader(context.Request.Body);
        var request = new Received(
            context.Request.Path, await reader.ReadToEndAsync(), context.Request.Headers.ToDictionary(h => h.Key, h => h.Value.ToString(), StringComparer.OrdinalIgnoreCase));
        MessageIds.Add(request["Fleet-Message-Id"]);
        await Answer(request, context);
        _received.Writer.TryWrite(request);
    }

    internal sealed record Received(string Path, string Body, IReadOnlyDictionary<string, string> Headers)
    {
        public string this[string header] => Headers.GetValueOrDefault(header, "");
    }
}
