using System.Text.Json.Nodes;
using MQTTnet.Exceptions;
using MQTTnet.Protocol;

namespace Fleet.Samples.DotnetDevice;

/// <summary>A device from power-on to power-on: the boot loader, then one connection after another, then a restart.</summary>
internal sealed class Device(DeviceOptions options)
{
    private static readonly TimeSpan HeartbeatPeriod = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan GoodConnection = TimeSpan.FromSeconds(15);

    private readonly string _things = $"$aws/things/{options.Thing}";

    /// <returns>How the job ended, if one is enough (<c>--once</c>); otherwise it runs until <paramref name="stop"/>.</returns>
    public async Task<JobResult> RunAsync(CancellationToken stop)
    {
        while (true)
        {
            var slots = Slots.PowerOn(options.Folder, options.FactoryVersion);
            Console.WriteLine($"{options.Thing} runs {slots.RunningVersion} from slot {slots.Running}");
            if (await LiveAsync(slots, stop) is { } result) return result;
        }
    }

    /// <summary>Connects again and again, until the device is to restart (null) or to leave.</summary>
    private async Task<JobResult?> LiveAsync(Slots slots, CancellationToken stop)
    {
        for (int failures = 0; ; failures++)
        {
            long began = TimeProvider.System.GetTimestamp();
            try
            {
                return await ConnectAndWorkAsync(slots, stop);
            }
            catch (Exception e) when (IsOutside(e))
            {
                stop.ThrowIfCancellationRequested();
                Console.WriteLine($"{options.Thing} connects again: {e.Message}");
            }
            // The bound doubles up to a minute. A random part of it is waited, so that a fleet does not come back as one after a power cut.
            if (TimeProvider.System.GetElapsedTime(began) > GoodConnection) failures = 0;
            var bound = TimeSpan.FromSeconds(Math.Min(60, Math.Pow(2, failures)));
            await Task.Delay(bound * Random.Shared.NextDouble(), TimeProvider.System, stop);
        }
    }

    private async Task<JobResult?> ConnectAndWorkAsync(Slots slots, CancellationToken stop)
    {
        var identity = await Identity.LoadOrEnrolAsync(options, stop);
        // notify-next before the first question: a job that comes in between is not missed.
        string[] filters =
        [
            $"{_things}/jobs/notify-next", $"{_things}/jobs/start-next/+", $"{_things}/jobs/+/update/+",
            $"{_things}/shadow/update/accepted", $"{_things}/shadow/update/rejected",
            $"{_things}/streams/+/data/json", $"{_things}/streams/+/rejected/json",
        ];
        await using var fleet = new FleetConnection(options, stop);
        await fleet.OpenAsync(identity.Certificate, filters);
        Console.WriteLine($"{options.Thing} is connected to {options.Host}:{options.Port}");
        using var life = CancellationTokenSource.CreateLinkedTokenSource(fleet.Alive);
        var beats = BeatAsync(fleet, life.Token);
        try
        {
            return await WorkAsync(fleet, identity, slots);
        }
        finally
        {
            await life.CancelAsync();
            await beats;
        }
    }

    /// <summary>The first beat declares the period. A device that is silent for two and a half of them counts as stale.</summary>
    private async Task BeatAsync(FleetConnection fleet, CancellationToken life)
    {
        using var timer = new PeriodicTimer(HeartbeatPeriod);
        try
        {
            for (long sequence = 1; ; sequence++)
            {
                var beat = new JsonObject { ["sequence"] = sequence, ["periodSeconds"] = HeartbeatPeriod.TotalSeconds };
                try
                {
                    await fleet.PublishAsync($"fleet/{options.Thing}/heartbeat", beat, MqttQualityOfServiceLevel.AtMostOnce);
                }
                catch (Exception e) when (IsOutside(e) && !life.IsCancellationRequested)
                {
                    // A beat that did not get out is no reason to stop: the next may.
                }
                await timer.WaitForNextTickAsync(life);
            }
        }
        catch (Exception e) when (IsOutside(e) && life.IsCancellationRequested)
        {
            // The connection is over, and whatever the device works on hears of that too.
        }
    }

    /// <returns>Null: the device is to restart.</returns>
    private async Task<JobResult?> WorkAsync(FleetConnection fleet, Identity identity, Slots slots)
    {
        var firmware = new JsonObject { ["version"] = slots.RunningVersion.ToString(), ["slot"] = slots.Running };
        var reported = new JsonObject { ["firmware"] = firmware, ["health"] = "ok" };
        await fleet.AskAsync($"{_things}/shadow/update", new JsonObject { ["state"] = new JsonObject { ["reported"] = reported } });

        if (slots.State.Pending is { } pending)
        {
            var result = await ProveAsync(fleet, slots, pending);
            if (options.Once) return result;
        }
        while (true)
        {
            if (await Job.StartNextAsync(fleet, options.Thing) is { } job)
            {
                var result = await UpdateAsync(fleet, identity, slots, job);
                if (result is null || options.Once) return result;
            }
            else
            {
                await fleet.JobNotices.ReadAsync(fleet.Alive);
            }
        }
    }

    /// <summary>If the connection is cut in here, start-next brings the same execution again, and the download goes on.</summary>
    /// <returns>Null: the new firmware is in the spare slot.</returns>
    private async Task<JobResult?> UpdateAsync(FleetConnection fleet, Identity identity, Slots slots, Job job)
    {
        try
        {
            var firmware = Firmware.From(job.Document, identity.FirmwareSigner, options.Model, slots.State.Floor);
            var manifest = firmware.Manifest;
            var part = slots.PartFile(firmware.Sha256);
            long there = part.Exists ? part.Length : 0;
            Console.WriteLine($"{options.Thing} job {job.Id}: downloads {manifest.Version}, has {there} of {manifest.SizeBytes} bytes");
            var download = new BlockDownload(fleet, options.Thing, firmware);
            await download.RunAsync(part.FullName, progress => job.ReportStepAsync("downloading", progress));
            firmware.Check(part.FullName);
            await job.ReportStepAsync("installing");
            slots.WriteSpare(part.FullName);
            // From here on the service waits for a new session, in which the device reports the new version.
            await job.ReportStepAsync("confirming");
            slots.BootSpareOnce(job, manifest);
            return null;
        }
        catch (Exception e) when (e is UpdateException or IOException)
        {
            var result = (e as UpdateException)?.Result ?? JobResult.Failed;
            await job.ReportResultAsync(result, e.Message);
            return result;
        }
    }

    /// <summary>
    /// The device is back, and what it runs decides how the job ended. If the connection is cut in here, the next one decides the same.
    /// </summary>
    private async Task<JobResult> ProveAsync(FleetConnection fleet, Slots slots, PendingJob pending)
    {
        bool runsIt = slots.Running == pending.Slot;
        if (runsIt) slots.Confirm(pending.Floor);
        var result = runsIt ? JobResult.Succeeded : JobResult.Failed;
        string place = $"{slots.RunningVersion} from slot {slots.Running}";
        // No expected version: the report in the shadow may have ended the execution, and so changed it.
        var job = new Job(fleet, options.Thing, pending.JobId, pending.ExecutionNumber, version: null);
        try
        {
            await job.ReportResultAsync(result, runsIt ? $"runs {place}" : $"rolled back, runs {place}");
        }
        catch (RefusedException e) when (e.JobIsOver)
        {
            Console.WriteLine($"{options.Thing} was not waited for: {e.Message}");
        }
        slots.Forget();
        return result;
    }

    /// <summary>What the world may do to a device at any time. Anything else is a mistake of ours, or a disk that fails.</summary>
    private static bool IsOutside(Exception e) =>
        e is MqttCommunicationException or RefusedException or TimeoutException or OperationCanceledException;
}
