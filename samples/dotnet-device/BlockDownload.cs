using System.Text.Json.Nodes;
using MQTTnet.Protocol;

namespace Fleet.Samples.DotnetDevice;

/// <summary>
/// Fetches a file by MQTT stream: asks for a window of blocks, places them by number (they come in any order, some twice, some never),
/// asks again for those that are missing, and appends whole windows to a file, whose length is then all there is to remember.
/// </summary>
internal sealed class BlockDownload(FleetConnection fleet, string thing, Firmware firmware)
{
    private const int BlockBytes = 16 * 1024;

    /// <summary>A request is answered with 128 KiB at most.</summary>
    private const int WindowBlocks = 8;

    private const int MaxSilences = 10;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    private readonly string _topic = $"$aws/things/{thing}/streams/{firmware.Stream}";

    /// <param name="progress">Called with "3/16" (blocks) about every tenth of the way: each report costs the service a write.</param>
    public async Task RunAsync(string partFile, Func<string, Task> progress)
    {
        int all = (int)((firmware.Manifest.SizeBytes + BlockBytes - 1) / BlockBytes);
        await using var part = new FileStream(partFile, FileMode.OpenOrCreate, FileAccess.ReadWrite);
        // A power cut may have left a window in part.
        int next = part.Length == firmware.Manifest.SizeBytes ? all : (int)(part.Length / BlockBytes);
        part.SetLength(Math.Min(part.Length, (long)next * BlockBytes));
        part.Seek(0, SeekOrigin.End);
        while (next < all)
        {
            byte[][] window = await FetchAsync(next, Math.Min(WindowBlocks, all - next));
            foreach (byte[] block in window) part.Write(block);
            part.Flush(flushToDisk: true);
            int before = next;
            next += window.Length;
            if (next * 10L / all > before * 10L / all) await progress($"{next}/{all}");
        }
    }

    private async Task<byte[][]> FetchAsync(int first, int count)
    {
        var blocks = new byte[count][];
        for (int silences = 0; ;)
        {
            int from = Array.IndexOf(blocks, null);
            if (from < 0) return blocks;
            await AskAsync(first + from, count - from);
            while (blocks.Contains(null))
            {
                if (await NextAsync(first, count) is { } answer) blocks[answer.Number - first] = answer.Data;
                else if (++silences < MaxSilences) break;
                else throw new UpdateException(JobResult.Failed, $"the stream was silent {silences} times");
            }
        }
    }

    /// <param name="first">Counted from the start of the file.</param>
    private Task AskAsync(int first, int count) => fleet.PublishAsync($"{_topic}/get/json",
        new JsonObject { ["f"] = firmware.FileId, ["l"] = BlockBytes, ["o"] = first, ["n"] = count }, MqttQualityOfServiceLevel.AtMostOnce);

    /// <summary>The next block of this window; null after a silence.</summary>
    private async Task<(int Number, byte[] Data)?> NextAsync(int first, int count)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(fleet.Alive);
        silence.CancelAfter(Patience);
        try
        {
            while (true)
            {
                var (topic, body) = await fleet.StreamMessages.ReadAsync(silence.Token);
                // What passes counts as a silence: it is asked for again.
                if (topic == $"{_topic}/rejected/json" && (string?)body["o"] is not ("InternalError" or "RequestThrottled"))
                    throw new UpdateException(JobResult.Failed, $"the stream answered {(string?)body["o"]}: {(string?)body["m"]}");
                if (topic != $"{_topic}/data/json" || (int)body["f"]! != firmware.FileId) continue;
                int number = (int)body["i"]!;
                byte[] data = Convert.FromBase64String((string)body["p"]!);
                if (number >= first && number < first + count && data.Length == LengthOf(number)) return (number, data);
            }
        }
        catch (OperationCanceledException) when (!fleet.Alive.IsCancellationRequested)
        {
            return null;
        }
    }

    private int LengthOf(int block) => (int)Math.Min(BlockBytes, firmware.Manifest.SizeBytes - (long)block * BlockBytes);
}
