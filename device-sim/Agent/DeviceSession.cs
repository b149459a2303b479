using System.Diagnostics;
using System.Security.Cryptography.X509Certificates;
using System.Threading.Channels;
using Fleet.DeviceSim.Agent.Boot;
using Fleet.DeviceSim.Agent.Fetch;
using Fleet.DeviceSim.Agent.Jobs;
using Fleet.DeviceSim.Agent.Updates;
using Fleet.DeviceSim.Agent.Wire;
using Fleet.DeviceSim.Faults;
using Fleet.Mqtt;

namespace Fleet.DeviceSim.Agent;

/// <summary>Why a session ended.</summary>
internal enum SessionEnd { ConnectionLost, Restart, Silent }

/// <summary>
/// One connection's worth of a device's life: it presents itself, then takes one input after the other, asks the core, and performs
/// what the core wants. Nothing here outlives the connection; what was not done is asked for again in the next one.
/// </summary>
/// <param name="signer">Certificate of the firmware signer.</param>
internal sealed class DeviceSession(
    AgentOptions options, Server server, AgentServices services, DeviceDisk disk, DeviceFaults faults, RunningDevice device,
    X509Certificate2 signer, Random random)
{
    private readonly Channel<UpdateInput> _inputs = Channel.CreateUnbounded<UpdateInput>(new() { SingleReader = true });
    private FleetLink _link = null!;
    private ImageDownload _download = null!;

    /// <param name="changed">Called when there may be something new to see.</param>
    public async Task<SessionEnd> RunAsync(TlsOptions tls, Action<ConnectionState> changed, CancellationToken stop)
    {
        await using var link = _link = await FleetLink.OpenAsync(
            options, server, services, tls, random, head => PostHead(head.Execution), stop);
        var download = _download = new ImageDownload(options, services, disk, faults, device, signer, random, link, _inputs.Writer);
        using var life = CancellationTokenSource.CreateLinkedTokenSource(stop);
        _ = link.Closed.ContinueWith(
            static (_, life) => ((CancellationTokenSource)life!).Cancel(), life, life.Token, TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
        var beats = BeatAsync(life.Token);
        try
        {
            await link.ReportShadowAsync(device.Running, life.Token);
            changed(ConnectionState.Connected);
            var end = await HandleAsync(new UpdateInput.Proved(), life.Token);
            while (end is null)
            {
                end = await HandleAsync(await _inputs.Reader.ReadAsync(life.Token), life.Token);
                changed(ConnectionState.Connected);
            }
            if (end == SessionEnd.Silent) await HangAsync(changed, life, beats, stop);
            return end.Value;
        }
        catch (OperationCanceledException) when (!stop.IsCancellationRequested)
        {
            return SessionEnd.ConnectionLost;
        }
        finally
        {
            await life.CancelAsync();
            await download.StopAsync();
            await beats;
        }
    }

    /// <summary>The connection stays as long as the server keeps it; nothing is said on it any more.</summary>
    private async Task HangAsync(Action<ConnectionState> changed, CancellationTokenSource life, Task beats, CancellationToken stop)
    {
        changed(ConnectionState.Silent);
        await life.CancelAsync();
        await beats;
        await _link.Closed.WaitAsync(stop);
    }

    private void PostHead(JobExecutionMessage? execution) => _inputs.Writer.TryWrite(new UpdateInput.HeadIs(execution, Admission: null));

    private void Post(UpdateInput input) => _inputs.Writer.TryWrite(input);

    private async Task<SessionEnd?> HandleAsync(UpdateInput input, CancellationToken life)
    {
        if (input is UpdateInput.FetchEnded && input.About == device.State.Update?.Job.Key) device.Fetching = false;
        if (input is UpdateInput.HeadIs { Execution: { IsStarted: true } execution } head)
            input = head with { Admission = Judge(execution) };
        foreach (var effect in device.Handle(input))
        {
            if (await PerformAsync(effect, life) is { } end) return end;
        }
        return null;
    }

    private Admission Judge(JobExecutionMessage execution) => Admission.Judge(execution, options.Model, device.State.Floor, signer);

    private async Task<SessionEnd?> PerformAsync(UpdateEffect effect, CancellationToken life)
    {
        switch (effect)
        {
            case UpdateEffect.StartNext:
                PostHead((await _link.StartNextAsync(life)).Execution);
                return null;
            case UpdateEffect.ReportStep report:
                services.Log.Reporting(options.ThingName, report.Step, report.Job.JobId, report.Job.ExecutionNumber);
                Post(await _link.ReportStepAsync(report.Job, report.Step, progress: null, life)
                    ? new UpdateInput.StepAccepted(report.Job, report.Step) : new UpdateInput.ExecutionGone(report.Job));
                return null;
            case UpdateEffect.ReportOutcome report:
                await ReportAsync(report, life);
                return null;
            case UpdateEffect.Download download:
                await _download.StopAsync();
                _download.Start(download.Job, life);
                return null;
            case UpdateEffect.StopDownload:
                await _download.StopAsync();
                return null;
            case UpdateEffect.Discard:
                await _download.StopAsync();
                disk.DiscardPartial(Inactive);
                return null;
            case UpdateEffect.Install install:
                Post(await InstallAsync(install.Job, life));
                return null;
            case UpdateEffect.Restart:
                return HangsNow() ? SessionEnd.Silent : SessionEnd.Restart;
            default:
                throw new UnreachableException($"nobody performs {effect.GetType().Name}");
        }
    }

    private Slot Inactive => device.State.Active.Other();

    private bool HangsNow() =>
        device.State.Update is { Step: UpdateStep.Confirming } update && faults.Strikes(FaultKind.Silent, update.Job.Version);

    private async Task ReportAsync(UpdateEffect.ReportOutcome report, CancellationToken life)
    {
        var (result, reason) = report.Outcome;
        services.Log.Ending(options.ThingName, report.Job.JobId, report.Job.ExecutionNumber, result, reason);
        bool taken = await _link.UpdateJobAsync(
            report.Job, result.ToString().ToUpperInvariant(), new() { ["reason"] = Detail(reason) }, life);
        if (taken) services.Counters.Ended(result);
        Post(taken ? new UpdateInput.OutcomeAccepted(report.Job) : new UpdateInput.ExecutionGone(report.Job));
    }

    /// <summary>What statusDetails takes: no control characters, at most 1,024 characters (spec/aws-iot-topics.md, 2.2).</summary>
    private static string Detail(string text)
    {
        var clean = string.Concat(text.Select(c => char.IsControl(c) ? ' ' : c));
        return clean.Length <= 1_024 ? clean : clean[..1_024];
    }

    private async Task<UpdateInput> InstallAsync(FirmwareJob job, CancellationToken life)
    {
        if (faults.Strikes(FaultKind.Install, job.Version))
            return new UpdateInput.SlotWriteFailed(job.Key, $"slot {Inactive.Letter()} cannot be written (planted)");
        try
        {
            return await disk.InstallAsync(Inactive, job.Sha256, life)
                ? new UpdateInput.SlotWritten(job.Key) : new UpdateInput.ImageLost(job.Key);
        }
        catch (IOException e)
        {
            return new UpdateInput.SlotWriteFailed(job.Key, $"slot {Inactive.Letter()} cannot be written: {e.Message}");
        }
    }

    /// <summary>
    /// The first beat declares the period; the second comes after a random part of it, so that a fleet does not beat as one.
    /// </summary>
    private async Task BeatAsync(CancellationToken stop)
    {
        try
        {
            var wait = options.HeartbeatPeriod * random.NextDouble();
            for (long sequence = 1; ; sequence++, wait = options.HeartbeatPeriod)
            {
                await _link.BeatAsync(sequence, stop);
                await Task.Delay(wait, services.Time, stop);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or MqttConnectionLostException)
        {
            // The session ends for the same reason.
        }
    }
}
