namespace Fleet.DeviceSim.Agent;

/// <summary>The topic names of one thing.</summary>
internal sealed class DeviceTopics(string thing)
{
    /// <summary>What every reserved topic of this thing begins with.</summary>
    public string Prefix { get; } = $"$aws/things/{thing}/";
    public string Heartbeat { get; } = $"fleet/{thing}/heartbeat";
    public string Status { get; } = $"fleet/{thing}/status";

    public string NotifyNext => Prefix + "jobs/notify-next";
    public string StartNext => Prefix + "jobs/start-next";
    public string UpdateJob(string jobId) => $"{Prefix}jobs/{jobId}/update";
    public string UpdateShadow => Prefix + "shadow/update";
    public string GetBlocks(string stream, string format) => $"{Prefix}streams/{stream}/get/{format}";
    public string Data(string stream, string format) => $"{Prefix}streams/{stream}/data/{format}";
    public string Rejected(string stream, string format) => $"{Prefix}streams/{stream}/rejected/{format}";
}
