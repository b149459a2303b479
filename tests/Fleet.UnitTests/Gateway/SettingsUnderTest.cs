using Fleet.Gateway.Auth;
using Fleet.Gateway.Channels;
using Fleet.Gateway.Journal;
using Fleet.Gateway.Links;
using Fleet.Gateway.Policies;
using Fleet.Gateway.Retained;
using Fleet.Gateway.Sessions;
using Fleet.Gateway.Transport;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Fleet.UnitTests.Gateway;

/// <summary>A gateway's settings as a test wants them, in the place of those that <c>AddFleetGateway</c> binds.</summary>
internal sealed class SettingsUnderTest
{
    public AdmissionOptions Admission { get; } = new();
    public ChannelOptions Channels { get; } = new();
    public ClaimSessionOptions Claims { get; } = new();
    public ClusterOptions Cluster { get; } = new();

    /// <summary>What is noted is written at once, or a test would have to move the clock for it.</summary>
    public JournalOptions Journal { get; } = new() { JournalWindowMilliseconds = 0 };
    public RetainedOptions Retained { get; } = new();

    /// <summary>The retained messages that were kept are read before the test.</summary>
    public bool ReadsRetained { get; set; } = true;
    public SessionOptions Sessions { get; } = new();
    public TransportOptions Transport { get; } = new();

    /// <summary>After <c>AddFleetGateway</c>.</summary>
    public void AddTo(IServiceCollection services) => services
        .AddSingleton(Options.Create(Admission)).AddSingleton(Options.Create(Channels)).AddSingleton(Options.Create(Claims)).AddSingleton(Options.Create(Cluster))
        .AddSingleton(Options.Create(Journal)).AddSingleton(Options.Create(Retained)).AddSingleton(Options.Create(Sessions))
        .AddSingleton(Options.Create(Transport));
}
