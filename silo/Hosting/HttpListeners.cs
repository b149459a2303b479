using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Fleet.Gateway;
using Fleet.Gateway.Hosting;
using Fleet.Silo.Telemetry;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.Options;

namespace Fleet.Silo.Hosting;

/// <summary>
/// The HTTP, HTTPS and metrics listeners, with the limits of spec/security.md 6.1. The gateway adds the MQTT listeners in between.
/// </summary>
internal sealed class HttpListeners(
    IOptions<HttpOptions> http, IOptions<HttpsOptions> https, IOptions<MetricsOptions> metrics, ProcessIdentity process,
    IServiceProvider services)
    : IConfigureOptions<KestrelServerOptions>
{
    /// <summary>
    /// Largest body of a request unless its endpoint says otherwise, in bytes. The largest document is a rollout with a list of things.
    /// </summary>
    private const long MaxBodyBytes = 1024 * 1024;

    /// <summary>Scrapers and probes come one at a time.</summary>
    private const int MaxMetricsConnections = 100;

    /// <summary>What was bound, once the server has started; <see cref="Https"/> is null when it is off.</summary>
    public ListenOptions? Http { get; private set; }
    public ListenOptions? Https { get; private set; }
    public ListenOptions? Metrics { get; private set; }

    public void Configure(KestrelServerOptions options)
    {
        options.AddServerHeader = false;
        options.Limits.MaxRequestBodySize = MaxBodyBytes;
        options.Limits.RequestHeadersTimeout = TimeSpan.FromSeconds(10);

        options.Listen(http.Value.ToEndPoint(), listen =>
        {
            Http = listen;
            // No HTTP/2 without TLS: nobody could negotiate it, and WebSocket clients speak 1.1.
            listen.Protocols = HttpProtocols.Http1;
            listen.LimitConnections(http.Value.MaxConnections);
        });
        options.Listen(metrics.Value.ToEndPoint(), listen =>
        {
            Metrics = listen;
            listen.Protocols = HttpProtocols.Http1;
            listen.LimitConnections(MaxMetricsConnections);
            listen.AnswerMetricsAlone();
        });
        // After HTTP, whose address download URLs begin with.
        if (process.Role.HasGateway()) options.ListenFleetMqtt();
        if (https.Value.Enabled)
        {
            var certificate = HttpsCertificate();
            options.Listen(https.Value.ToEndPoint(), listen =>
            {
                Https = listen;
                listen.LimitConnections(http.Value.MaxConnections);
                listen.UseHttps(new TlsHandshakeCallbackOptions
                {
                    OnConnection = _ => ValueTask.FromResult(new SslServerAuthenticationOptions { ServerCertificateContext = certificate }),
                });
            });
        }
    }

    private SslStreamCertificateContext HttpsCertificate()
    {
        if (https.Value.CertificatePath is not { } path) return services.GetRequiredService<IGatewayTrust>().ServerCertificate;
        try
        {
            var certificate = X509Certificate2.CreateFromPemFile(path, https.Value.KeyPath);
            var chain = new X509Certificate2Collection();
            chain.ImportFromPemFile(path);
            return SslStreamCertificateContext.Create(certificate, chain, offline: true);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or CryptographicException)
        {
            throw new StartupException(
                $"The HTTPS certificate {path} cannot be used: {e.Message} (setting Fleet:Https:CertificatePath)", e);
        }
    }
}
