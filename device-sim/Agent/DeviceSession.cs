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
    private CancellationTokenSource? _fetch;
    private Task _fetching = Task.CompletedTask;

    /// <param name="changed">Called when there may be something new to see.</param>
    public async Task<SessionEnd> RunAsync(TlsOptions tls, Action<ConnectionState> changed, CancellationToken stop)
    {
        await using var link = _link = await FleetLink.OpenAsync(
            options, server, services, tls, random, head => PostHead(head.Execution), stop);
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
            await StopDownloadAsync();
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
                Post(await ReportAsync(report.Job, report.Step, null, life)
                    ? new UpdateInput.StepAccepted(report.Job, report.Step) : new UpdateInput.ExecutionGone(report.Job));
                return null;
            case UpdateEffect.ReportOutcome report:
                await ReportAsync(report, life);
                return null;
            case UpdateEffect.Download download:
                await StopDownloadAsync();
                StartDownload(download.Job, life);
                return null;
            case UpdateEffect.StopDownload:
                await StopDownloadAsync();
                return null;
            case UpdateEffect.Discard:
                await StopDownloadAsync();
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

    private Task<bool> ReportAsync(JobKey job, UpdateStep step, string? progress, CancellationToken life)
    {
        var details = new Dictionary<string, string> { ["step"] = step.ToString().ToLowerInvariant() };
        if (progress is not null) details["progress"] = progress;
        return _link.UpdateJobAsync(job, "IN_PROGRESS", details, life);
    }

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

    private void StartDownload(FirmwareJob job, CancellationToken life)
    {
        var fetch = _fetch = CancellationTokenSource.CreateLinkedTokenSource(life);
        device.Fetching = true;
        _fetching = Task.Run(() => DownloadAsync(job, Inactive, fetch.Token), CancellationToken.None);
    }

    private async Task StopDownloadAsync()
    {
        if (_fetch is not { } fetch) return;
        await fetch.CancelAsync();
        await _fetching;
        fetch.Dispose();
        _fetch = null;
        device.Fetching = false;
    }

    /// <summary>
    /// Fetches and verifies; whatever comes of it is an input. Ends quietly when the connection does, to go on in the next one.
    /// </summary>
    private async Task DownloadAsync(FirmwareJob job, Slot slot, CancellationToken stop)
    {
        try
        {
            string path;
            using (var image = disk.OpenPartial(slot, job.Sha256, job.SizeBytes, options.BlockBytesFor(job.SizeBytes)))
            {
                path = image.Path;
                switch (await FetchAsync(job, image, stop))
                {
                    case FetchResult.LinkRefused refused: Post(new UpdateInput.LinkRefused(job.Key, refused.Reason)); return;
                    case FetchResult.Failed failed: Post(new UpdateInput.FetchFailed(job.Key, failed.Reason)); return;
                }
            }
            var sha256 = await DeviceDisk.Sha256Async(path, stop);
            if (sha256 != job.Sha256) Post(new UpdateInput.DigestWrong(job.Key, sha256));
            else if (!Admission.IsFileSigned(signer, sha256, job.Signature)) Post(new UpdateInput.FileSignatureWrong(job.Key));
            else Post(new UpdateInput.Fetched(job.Key));
        }
        catch (Exception e) when (e is OperationCanceledException or MqttConnectionLostException
            && (stop.IsCancellationRequested || _link.Closed.IsCompleted))
        {
        }
        catch (Exception e) when (e is WireException or TimeoutException or IOException)
        {
            Post(new UpdateInput.FetchFailed(job.Key, e.Message));
        }
        catch (Exception e)
        {
            _inputs.Writer.TryComplete(e);    // a bug: the session's own loop is where it comes to light
        }
    }

    private async Task<FetchResult> FetchAsync(FirmwareJob job, PartialImage image, CancellationToken stop)
    {
        var sink = new BlockSink(image, job, faults, services.Counters.Fetch, _link.Abort);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var progress = ReportProgressAsync(job, image.Map, done.Token);
        try
        {
            bool byHttp = job.Url is not null && (options.PrefersHttp || job.Stream is null);
            if (!byHttp) return await (await _link.OpenStreamAsync(job, stop)).RunAsync(sink, stop);
            var backoff = new Backoff(options.BackoffFirst, options.BackoffCap, random);
            return await new HttpFetch(services.Http, options.BlockTimeout * 2, services.Time, backoff).RunAsync(job.Url!, sink, stop);
        }
        finally
        {
            await done.CancelAsync();
            await progress;
        }
    }

    private async Task ReportProgressAsync(FirmwareJob job, BlockMap map, CancellationToken done)
    {
        try
        {
            while (true)
            {
                await Task.Delay(options.ProgressPeriod, services.Time, done);
                if (await ReportAsync(job.Key, UpdateStep.Downloading, $"{map.Count - map.Missing}/{map.Count}", done)) continue;
                Post(new UpdateInput.ExecutionGone(job.Key));
                return;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or MqttConnectionLostException or WireException or TimeoutException)
        {
            // A missed progress report harms nobody; if the connection is gone, the session is about to notice.
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
