using System.Text.Json.Nodes;
using Fleet.Silo.Pki;
using Fleet.Silo.Tokens;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Fleet.Silo.Hosting;

/// <summary>What is listening where: one line of JSON on standard output for scripts, and the same in words on standard error for people.</summary>
internal sealed class StartReport(HttpListeners listeners, FleetPki pki, AdminToken token, DataDirectory data)
{
    public void Write()
    {
        Console.Out.WriteLine(new JsonObject
        {
            ["event"] = "listening",
            ["http"] = Url("http", listeners.Http),
            ["https"] = Url("https", listeners.Https),
            ["metrics"] = Port(listeners.Metrics),
            ["mqtts"] = null,
            ["plain"] = null,
            ["caCertificate"] = pki.CaCertificateFile,
            ["adminToken"] = token.File,
            ["dataDirectory"] = data.Path,
            ["engine"] = Engine.Name,
            ["processId"] = Environment.ProcessId,
        }.ToJsonString());
        Console.Out.Flush();
        Console.Error.WriteLine(
            $"""

            Fleet is ready.
              Admin API           {Url("http", listeners.Http)}/api/v1   (description: /openapi/v1.json)
            {Optional("  Over TLS            ", Url("https", listeners.Https))}  Metrics, health      http://{listeners.Metrics?.IPEndPoint}/metrics
              CA certificate      {pki.CaCertificateFile}   (what devices trust)
              Admin token         {token.File}

            """);
    }

    private static string Optional(string label, string? value) => value is null ? "" : $"{label}{value}\n";

    private static string? Url(string scheme, ListenOptions? listener) => listener is null ? null : $"{scheme}://{listener.IPEndPoint}";

    private static int? Port(ListenOptions? listener) => listener?.IPEndPoint?.Port;
}
