using System.Text.Json.Nodes;
using Fleet.Gateway.Hosting;
using Fleet.Silo.Pki;
using Fleet.Silo.Tokens;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Fleet.Silo.Hosting;

/// <summary>What is listening where: one line of JSON on standard output for scripts, and the same in words on standard error for people.</summary>
internal sealed class StartReport(HttpListeners listeners, GatewayListeners mqtt, FleetPki pki, AdminToken token, DataDirectory data)
{
    public void Write()
    {
        Console.Out.WriteLine(new JsonObject
        {
            ["event"] = "listening",
            ["http"] = Url("http", listeners.Http),
            ["https"] = Url("https", listeners.Https),
            ["metrics"] = Port(listeners.Metrics),
            ["mqtts"] = mqtt.MqttsPort,
            ["plain"] = mqtt.PlainPort,
            ["caCertificate"] = pki.CaCertificateFile,
            ["adminToken"] = token.File,
            ["dataDirectory"] = data.Path,
            ["engine"] = Engine.Name,
            ["processId"] = Environment.ProcessId,
        }.ToJsonString());
        Console.Out.Flush();
        Console.Error.WriteLine(string.Join('\n', Words().Where(line => line is not null)));
    }

    private IEnumerable<string?> Words()
    {
        yield return "Fleet is ready.";
        yield return $"  MQTT over TLS     port {mqtt.MqttsPort}, with a client certificate";
        yield return mqtt.PlainPort is { } plain ? $"  MQTT without TLS  port {plain}, for development" : null;
        yield return $"  Admin API         {Url("http", listeners.Http)}/api/v1 (described by /openapi/v1.json)";
        yield return listeners.Https is null ? null : $"  The same by TLS   {Url("https", listeners.Https)}";
        yield return $"  Metrics, health   {Url("http", listeners.Metrics)}/metrics, /healthz, /readyz";
        yield return $"  CA certificate    {pki.CaCertificateFile} (what devices trust)";
        yield return $"  Admin token       {token.File}";
    }

    private static string? Url(string scheme, ListenOptions? listener) => listener is null ? null : $"{scheme}://{listener.IPEndPoint}";

    private static int? Port(ListenOptions? listener) => listener?.IPEndPoint?.Port;
}
