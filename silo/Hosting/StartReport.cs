using System.Text.Json.Nodes;
using Fleet.Gateway;
using Fleet.Silo.Files;
using Fleet.Silo.Tokens;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Fleet.Silo.Hosting;

/// <summary>
/// What is listening where: one line of JSON on standard output for scripts, and the same in words on standard error for people. The line
/// has the same members in every role; what a role does not have is null.
/// </summary>
internal sealed class StartReport(
    HttpListeners listeners, ProcessIdentity process, SharedDirectory shared, AdminToken token, IServiceProvider services)
{
    private readonly GatewayListeners? _mqtt = services.GetService<GatewayListeners>();
    private readonly DataDirectory? _data = services.GetService<DataDirectory>();
    private readonly string _caCertificateFile = Path.Combine(shared.File("pki"), "ca.crt");

    public void Write()
    {
        Console.Out.WriteLine(new JsonObject
        {
            ["event"] = "listening",
            ["role"] = process.Role.Name(),
            ["http"] = Url("http", listeners.Http),
            ["https"] = Url("https", listeners.Https),
            ["metrics"] = Port(listeners.Metrics),
            ["mqtts"] = _mqtt?.MqttsPort,
            ["plain"] = _mqtt?.PlainPort,
            ["caCertificate"] = _caCertificateFile,
            ["adminToken"] = token.File,
            ["dataDirectory"] = _data?.Path,
            ["sharedDirectory"] = shared.Path,
            ["cluster"] = process.IsClustered,
            ["processId"] = Environment.ProcessId,
        }.ToJsonString());
        Console.Out.Flush();
        Console.Error.WriteLine(string.Join('\n', Words().Where(line => line is not null)));
    }

    private IEnumerable<string?> Words()
    {
        yield return process.Role is ProcessRole.All ? "Fleet is ready." : $"Fleet is ready, as a {process.Role.Name()}.";
        if (_mqtt is not null)
        {
            yield return $"  MQTT over TLS     port {_mqtt.MqttsPort}, with a client certificate";
            yield return _mqtt.PlainPort is { } plain ? $"  MQTT without TLS  port {plain}, for development" : null;
        }
        yield return process.Role.HasGrains()
            ? $"  Admin API         {Url("http", listeners.Http)}/api/v1 (described by /openapi/v1.json)" : null;
        yield return listeners.Https is null ? null : $"  HTTPS             {Url("https", listeners.Https)}";
        yield return $"  Metrics, health   {Url("http", listeners.Metrics)}/metrics, /healthz, /readyz";
        yield return $"  CA certificate    {_caCertificateFile} (what devices trust)";
        yield return $"  Admin token       {token.File}";
    }

    private static string? Url(string scheme, ListenOptions? listener) => listener is null ? null : $"{scheme}://{listener.IPEndPoint}";

    private static int? Port(ListenOptions? listener) => listener?.IPEndPoint?.Port;
}
