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

/// <summary>
/// Fetches one image after the other into the slot that does not run, while the session goes on; what comes of it is an input of the
/// session.
/// </summary>
internal sealed class ImageDownload(
    AgentOptions options, AgentServices services, DeviceDisk disk, DeviceFaults faults, RunningDevice device, X509Certificate2 signer,
    Random random, FleetLink link, ChannelWriter<UpdateInput> inputs)
{
    private CancellationTokenSource? _fetch;
    private Task _fetching = Task.CompletedTask;

    public void Start(FirmwareJob job, CancellationToken life)
    {
        var fetch = _fetch = CancellationTokenSource.CreateLinkedTokenSource(life);
        device.Fetching = true;
        _fetching = Task.Run(() => DownloadAsync(job, device.State.Active.Other(), fetch.Token), CancellationToken.None);
    }

    public async Task StopAsync()
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
            && (stop.IsCancellationRequested || link.Closed.IsCompleted))
        {
        }
        catch (Exception e) when (e is WireException or TimeoutException or IOException)
        {
            Post(new UpdateInput.FetchFailed(job.Key, e.Message));
        }
        catch (Exception e)
        {
            inputs.TryComplete(e);    // a bug: the session's own loop is where it comes to light
        }
    }

    private async Task<FetchResult> FetchAsync(FirmwareJob job, PartialImage image, CancellationToken stop)
    {
        var sink = new BlockSink(image, job, faults, services.Counters.Fetch, link.Abort);
        using var done = CancellationTokenSource.CreateLinkedTokenSource(stop);
        var progress = ReportProgressAsync(job, image.Map, done.Token);
        try
        {
            bool byHttp = job.Url is not null && (options.PrefersHttp || job.Stream is null);
            if (!byHttp) return await (await link.OpenStreamAsync(job, stop)).RunAsync(sink, stop);
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
                if (await link.ReportStepAsync(job.Key, UpdateStep.Downloading, $"{map.Count - map.Missing}/{map.Count}", done)) continue;
                Post(new UpdateInput.ExecutionGone(job.Key));
                return;
            }
        }
        catch (Exception e) when (e is OperationCanceledException or MqttConnectionLostException or WireException or TimeoutException)
        {
            // A missed progress report harms nobody; if the connection is gone, the session is about to notice.
        }
    }

    private void Post(UpdateInput input) => inputs.TryWrite(input);
}
