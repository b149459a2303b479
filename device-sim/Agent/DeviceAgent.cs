using System.Net.Sockets;
using System.Security.Authentication;
using Fleet.DeviceSim.Agent.Boot;
using Fleet.DeviceSim.Agent.Identity;
using Fleet.DeviceSim.Agent.Updates;
using Fleet.DeviceSim.Agent.Wire;
using Fleet.DeviceSim.Faults;
using Fleet.Mqtt;

namespace Fleet.DeviceSim.Agent;

/// <summary>
/// One device: from power-on to restart, over and over. It lets itself in once, keeps its connection up with back-off and jitter, and
/// lets <see cref="DeviceSession"/> do the rest. Everything it must not forget is in <paramref name="folder"/>.
/// </summary>
/// <param name="beforeChange">Called before each lasting change on the disk; what it throws is a power cut at that point.</param>
internal sealed class DeviceAgent(
    AgentOptions options, AgentServices services, DeviceFaults faults, string folder, Action<string>? beforeChange = null)
{
    private readonly DeviceDisk _disk = new(folder, beforeChange);
    private readonly IdentityStore _store = new(folder, beforeChange);
    private readonly Random _random = new(HashCode(options.Seed, options.ThingName));
    private (TlsOptions Tls, DeviceIdentity Identity)? _identity;
    private uint _server = (uint)HashCode(options.Seed, options.ThingName);
    private volatile DeviceView _view = new(options.ThingName, ConnectionState.Off, null, null, null,
        ImmutableSortedDictionary<string, int>.Empty, ImmutableSortedDictionary<FaultKind, int>.Empty, null);

    public DeviceView View => _view;

    private Server Server => options.Servers[(int)(_server % options.Servers.Length)];

    /// <summary>Ends when <paramref name="stop"/> does, saying goodbye; anything else it throws is a bug, or a disk that fails.</summary>
    public async Task RunAsync(CancellationToken stop)
    {
        try
        {
            while (true)
            {
                var device = RunningDevice.PowerOn(_disk, options.FactoryVersion, faults);
                var running = device.Running;
                services.Log.PoweredOn(options.ThingName, running.Version, running.Slot.Letter(), running.Health);
                await ServeUntilRestartAsync(device, stop);
                Show(device, ConnectionState.Restarting);
                await Task.Delay(options.BootTime, services.Time, stop);
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            _view = _view with { Connection = ConnectionState.Off };
        }
        catch (Exception e)
        {
            services.Log.Faulted(options.ThingName, e);
            _view = _view with { Connection = ConnectionState.Faulted, Trouble = e.Message };
            throw;
        }
    }

    private async Task ServeUntilRestartAsync(RunningDevice device, CancellationToken stop)
    {
        var backoff = new Backoff(options.BackoffFirst, options.BackoffCap, _random);
        while (true)
        {
            long began = services.Time.GetTimestamp();
            string trouble = "the connection was lost";
            try
            {
                switch (await ServeAsync(device, stop))
                {
                    case SessionEnd.Restart:
                        return;
                    case SessionEnd.Silent:
                        // Hung for good: only a new process is a power cycle.
                        await Task.Delay(Timeout.InfiniteTimeSpan, services.Time, stop);
                        break;
                }
            }
            catch (Exception e) when (IsOutside(e, stop))
            {
                trouble = Describe(e);
            }
            services.Log.Trouble(options.ThingName, trouble);
            _server++;
            Show(device, ConnectionState.BackingOff, trouble);
            if (services.Time.GetElapsedTime(began) >= options.BackoffResetAfter) backoff.Reset();
            await Task.Delay(backoff.Next(), services.Time, stop);
        }
    }

    private async Task<SessionEnd> ServeAsync(RunningDevice device, CancellationToken stop)
    {
        var (tls, identity) = _identity ??= Ready(_store.Load() ?? await ProvisionAsync(device, stop));
        Show(device, ConnectionState.Connecting);
        await services.Ramp.WaitAsync(stop);
        var session = new DeviceSession(
            options, Server, services, _disk, faults, device, services.Ca.VerifiedSigner(identity.Configuration.FirmwareSigner), _random);
        return await session.RunAsync(tls, connection => Show(device, connection), stop);
    }

    private async Task<DeviceIdentity> ProvisionAsync(RunningDevice device, CancellationToken stop)
    {
        Show(device, ConnectionState.Provisioning);
        await services.Ramp.WaitAsync(stop);
        var identity = await new Provisioner(options, Server, services).RunAsync(stop);
        _store.Save(identity);
        services.Log.Provisioned(options.ThingName);
        return identity;
    }

    private (TlsOptions, DeviceIdentity) Ready(DeviceIdentity identity) =>
        (new TlsOptions { ClientCertificate = identity.Certificate(), TrustAnchors = services.Ca.Anchors }, identity);

    private void Show(RunningDevice device, ConnectionState connection, string? trouble = null) => _view = new DeviceView(
        options.ThingName, connection, device.Running.Version, device.Running.Health,
        device.State.Update?.Step, device.State.Installs, faults.Struck, trouble);

    /// <summary>What the world may do to a device at any time; the rest is our own doing.</summary>
    private static bool IsOutside(Exception e, CancellationToken stop) => e is
        MqttConnectionLostException or MqttConnectRefusedException or WireException or TimeoutException or SocketException
            or AuthenticationException
        || e is OperationCanceledException && !stop.IsCancellationRequested;

    private static string Describe(Exception e) =>
        e.InnerException is { } inner && !e.Message.Contains(inner.Message, StringComparison.Ordinal)
            ? $"{e.Message.TrimEnd('.')}: {inner.Message}" : e.Message;

    /// <summary>The same on every run, unlike <see cref="string.GetHashCode()"/>.</summary>
    private static int HashCode(int seed, string thing) => thing.Aggregate(seed, (hash, c) => unchecked(hash * 31 + c));
}
