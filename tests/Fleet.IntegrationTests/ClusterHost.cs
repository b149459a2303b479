using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using Fleet.Gateway;
using Fleet.Gateway.Auth;
using Fleet.Gateway.Blocks;
using Fleet.Gateway.Downloads;
using Fleet.Gateway.Hosting;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Rules;
using Fleet.IntegrationTests.Support;
using Fleet.Interfaces.Certificates;
using Fleet.Interfaces.Naming;
using Fleet.Mqtt;
using Fleet.Silo.Hosting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;

namespace Fleet.IntegrationTests;

/// <summary>
/// The whole service with its own gateway, and a second gateway beside it that shares its grains and its storage; all with real TLS.
/// </summary>
internal sealed class ClusterHost : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fleet-cluster-").FullName;
    private readonly WebApplication _service, _second;

    private ClusterHost()
    {
        _service = SiloHost.Build([
            $"--Fleet:DataDirectory={Path.Combine(_folder, "data")}", "--Fleet:Http:Port=0", "--Fleet:Metrics:Port=0",
            "--Fleet:Gateway:MqttsPort=0",
            $"--Fleet:Gateway:Transport={FleetProcess.Transport}", "--Logging:LogLevel:Default=Warning",
        ]);
        _second = Beside(_service.Services);
    }

    public IGrainFactory Grains => _service.Services.GetRequiredService<IGrainFactory>();
    public int FirstPort => PortOf(_service);
    public int SecondPort => PortOf(_second);

    public static async Task<ClusterHost> Start()
    {
        var host = new ClusterHost();
        await host._service.StartAsync();
        await host._second.StartAsync();
        return host;
    }

    public Task StopSecond() => _second.StopAsync();

    /// <summary>Lets a device in, and returns its certificate with its key.</summary>
    public async Task<X509Certificate2> Enrol(string thing)
    {
        var authority = Grains.GetGrain<ICertificateAuthorityGrain>(ICertificateAuthorityGrain.DefaultId);
        var claim = await authority.IssueClaim(new ClaimRequest("cluster", IProvisioningTemplateGrain.DefaultName, null));
        var issued = Assert.IsType<IssueCertificateResult.Issued>(await authority.IssueWithNewKey(claim.Certificate.Id));
        await Grains.GetGrain<IProvisioningTemplateGrain>(IProvisioningTemplateGrain.DefaultName).Provision(new ProvisionRequest(
            issued.OwnershipToken,
            System.Collections.Immutable.ImmutableSortedDictionary<string, string>.Empty.Add("ThingName", thing).Add("Model", "amr"),
            claim.Certificate.Id));
        return X509Certificate2.CreateFromPem(issued.CertificatePem, issued.PrivateKeyPem!);
    }

    public static CertificateId IdOf(X509Certificate2 certificate)
    {
        Assert.True(CertificateId.TryParse(Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(certificate.RawData)),
            out var id));
        return id;
    }

    public async Task<(MqttClient Client, ChannelReader<IncomingMessage> Inbox)> Connect(
        int port, X509Certificate2 certificate, string thing)
    {
        var inbox = Channel.CreateUnbounded<IncomingMessage>();
        var client = await MqttClient.ConnectAsync(new MqttClientOptions
        {
            Host = "localhost",
            Port = port,
            Transport = MqttTransport.Tls,
            ClientId = thing,
            CleanStart = false,
            SessionExpirySeconds = 600,
            Tls = new TlsOptions
            {
                ClientCertificate = certificate,
                TrustAnchors = [X509CertificateLoader.LoadCertificateFromFile(Path.Combine(_folder, "data", "pki", "ca.crt"))],
            },
            OnMessage = message => inbox.Writer.WriteAsync(message),
        });
        return (client, inbox.Reader);
    }

    public async ValueTask DisposeAsync()
    {
        // In good order: a gateway that is merely gone would be asked to be the other's successor.
        await _second.StopAsync();
        await _second.DisposeAsync();
        await _service.StopAsync();
        await _service.DisposeAsync();
        Directory.Delete(_folder, recursive: true);
    }

    private static WebApplication Beside(IServiceProvider service)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.Logging.ClearProviders();
        builder.Configuration.AddInMemoryCollection([new("Fleet:Gateway:MqttsPort", "0"),
            new("Fleet:Gateway:Transport", FleetProcess.Transport), new("Fleet:Gateway:Name", "second")]);
        builder.Services.AddSingleton(service.GetRequiredService<IGrainFactory>());
        builder.Services.AddSingleton(service.GetRequiredService<IRetainedStore>());
        builder.Services.AddSingleton(service.GetRequiredService<ISessionStore>());
        builder.Services.AddSingleton(service.GetRequiredService<IRuleQueue>());
        builder.Services.AddSingleton(service.GetRequiredService<IGatewayTrust>());
        builder.Services.AddSingleton(service.GetRequiredService<IBlobSource>());
        builder.Services.AddSingleton(service.GetRequiredService<IDownloadKey>());
        builder.Services.AddSingleton(service.GetRequiredService<IPasswordAuthenticator>());
        builder.Services.AddFleetGateway();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.ListenFleetMqtt());
        return builder.Build();
    }

    private static int PortOf(WebApplication app) => app.Services.GetRequiredService<GatewayListeners>().MqttsPort!.Value;
}
