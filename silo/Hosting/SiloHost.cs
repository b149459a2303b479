using System.Net;
using Fleet.Gateway.Hosting;
using Fleet.Grains.Certificates;
using Fleet.Grains.Messaging;
using Fleet.Grains.Rollouts;
using Fleet.Grains.Rules;
using Fleet.Silo.Api;
using Fleet.Silo.Api.Ca;
using Fleet.Silo.Api.Claims;
using Fleet.Silo.Api.Devices;
using Fleet.Silo.Api.Firmware;
using Fleet.Silo.Api.Rollouts;
using Fleet.Silo.Api.Rules;
using Fleet.Silo.Blobs;
using Fleet.Silo.Files;
using Fleet.Silo.Pki;
using Fleet.Silo.Storage;
using Fleet.Silo.Telemetry;
using Fleet.Silo.Tokens;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;

namespace Fleet.Silo.Hosting;

/// <summary>The one place that wires it all together: a silo, a gateway, or both in one process, by <see cref="ProcessRole"/>.</summary>
internal static class SiloHost
{
    /// <exception cref="StartupException">It cannot start, and the message says what to mend.</exception>
    public static WebApplication Build(string[] args)
    {
        // appsettings.json lies beside the program; data lies where the program is started.
        var builder = WebApplication.CreateSlimBuilder(
            new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        builder.Logging.AddFleetConsole();
        AddListeners(builder);

        var process = ProcessIdentity.Of(builder.Configuration);
        var role = process.Role;
        var services = builder.Services;
        services.AddSingleton(TimeProvider.System);
        services.AddSingleton(process);
        var data = role.HasGrains() ? DataDirectory.Open(builder.Configuration["Fleet:DataDirectory"] ?? "data") : null;
        if (data is not null) services.AddSingleton(data);
        services.AddSingleton(SharedDirectory.Open(builder.Configuration[SharedDirectory.Setting], data));
        // In the order in which they start; they stop the other way round.
        services.AddFleetTelemetry(builder.Configuration);
        if (role.HasGrains()) AddGrains(builder, process);
        else AddGatewayAlone(builder, process.Cluster!);
        if (role.HasGateway()) services.AddFleetGateway().AddReadiness<GatewayReadiness>("gateway");
        if (role.HasGrains()) services.AddHostedService<RolloutResumption>().AddHostedService<PresenceRepair>();

        ShortDrain.Apply(services);

        var app = Make(builder);
        // Before anything that measures is made: the SDK does not hear what happened earlier.
        app.Services.GetRequiredService<MeterProvider>();
        Open(app.Services, process);
        MapAll(app, role);
        app.Lifetime.ApplicationStarted.Register(app.Services.GetRequiredService<StartReport>().Write);
        return app;
    }

    /// <exception cref="OptionsValidationException">One concern's settings are not valid.</exception>
    /// <exception cref="AggregateException">Several of them.</exception>
    private static WebApplication Make(WebApplicationBuilder builder)
    {
        try
        {
            var app = builder.Build();
            app.Services.GetRequiredService<IStartupValidator>().Validate();
            return app;
        }
        catch (OptionsValidationException)
        {
            // Making the web server reads some of the settings, and names the first that is wrong alone.
            using var services = builder.Services.BuildServiceProvider();
            services.GetRequiredService<IStartupValidator>().Validate();
            throw;
        }
    }

    private static void AddGrains(WebApplicationBuilder builder, ProcessIdentity process)
    {
        builder.Services.AddFleetCensus();
        builder.AddFleetSilo(process);
        builder.Services.AddFleetMessaging().AddFleetRollouts().AddFleetRules().AddFleetClaims()
            .AddFleetPki().AddFleetBlobs().AddFleetTokens().AddFleetApi();
        builder.Services.AddReadiness<StorageReadiness>("storage");
    }

    private static void AddGatewayAlone(WebApplicationBuilder builder, IClusterDatabaseDriver cluster)
    {
        builder.AddFleetSiloClient(cluster);
        builder.Services.AddFleetGatewayPki().AddFleetBlobSource().AddFleetPasswords().AddFleetApi();
    }

    private static void AddListeners(WebApplicationBuilder builder)
    {
        builder.WebHost.UseKestrelHttpsConfiguration();
        var services = builder.Services;
        services.AddOptions<HttpOptions>().BindConfiguration(HttpOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<HttpsOptions>().BindConfiguration(HttpsOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddOptions<MetricsOptions>().BindConfiguration(MetricsOptions.Section).ValidateDataAnnotations().ValidateOnStart();
        services.AddSingleton<HttpListeners>();
        services.AddSingleton<IConfigureOptions<KestrelServerOptions>>(s => s.GetRequiredService<HttpListeners>());
        services.AddSingleton<StartReport>();
    }

    /// <summary>Opens now what an operator may have to mend, so that the complaint comes first and alone.</summary>
    private static void Open(IServiceProvider services, ProcessIdentity process)
    {
        var role = process.Role;
        var http = services.GetRequiredService<IOptions<HttpOptions>>().Value;
        var https = services.GetRequiredService<IOptions<HttpsOptions>>().Value;
        PortCheck.MustBeFree(http.ToEndPoint(), $"{HttpOptions.Section}:Port");
        if (https.Enabled) PortCheck.MustBeFree(https.ToEndPoint(), $"{HttpsOptions.Section}:Port");
        PortCheck.MustBeFree(services.GetRequiredService<IOptions<MetricsOptions>>().Value.ToEndPoint(), $"{MetricsOptions.Section}:Port");
        if (role.HasGateway()) CheckMqttPorts(services.GetRequiredService<IConfiguration>().GetSection("Fleet:Gateway"));
        if (!role.HasGrains())
        {
            services.GetRequiredService<GatewayPki>();
            services.GetRequiredService<ClusterIdentity>();
            services.GetRequiredService<AdminToken>();
            return;
        }
        services.GetRequiredService<IRecordStore>();
        using (services.GetRequiredService<SharedDirectory>().Lock(services.GetRequiredService<TimeProvider>()))
        {
            services.GetRequiredService<FleetPki>();
            if (process.IsClustered) services.GetRequiredService<ClusterIdentity>();
            services.GetRequiredService<AdminToken>();
        }
        // On the metrics page from the first scrape, rather than from the first rollout.
        services.GetRequiredService<RolloutMetrics>();
        services.GetRequiredService<RuleMetrics>();
        services.GetRequiredService<ClaimMetrics>();
    }

    // The gateway binds these; its options are its own.
    private static void CheckMqttPorts(IConfigurationSection gateway)
    {
        if (IPAddress.TryParse(gateway["Address"] ?? "127.0.0.1", out var address) && Port(gateway["MqttsPort"] ?? "8883") is { } mqtts)
            PortCheck.MustBeFree(new(address, mqtts), "Fleet:Gateway:MqttsPort");
        if (Port(gateway["PlainPort"]) is { } plain) PortCheck.MustBeFree(new(IPAddress.Loopback, plain), "Fleet:Gateway:PlainPort");

        // What is no port, the options' validation refuses.
        static int? Port(string? text) => ushort.TryParse(text, out ushort port) ? port : null;
    }

    private static void MapAll(WebApplication app, ProcessRole role)
    {
        app.UseConnectionLimits();
        app.UseFleetApi();
        app.UseMetricsPort();
        app.UseRouting();
        app.MapHealth();
        if (role.HasGateway()) app.MapFleetGateway();
        if (role.HasGrains()) MapApi(app);
    }

    private static void MapApi(WebApplication app)
    {
        app.UseAuthentication();
        app.UseAuthorization();

        app.MapFrontPage();
        app.MapDashboard();
        app.MapApiDescription();
        var api = app.MapGroup("/api/v1");
        api.MapCa();
        api.MapClaims();
        api.MapFirmware();
        api.MapDevices();
        api.MapRollouts();
        api.MapRules();
    }
}
