using System.ComponentModel.DataAnnotations;

namespace Fleet.Gateway.Links;

/// <summary>This gateway among the others: of the section <c>Fleet:Gateway</c>.</summary>
internal sealed class ClusterOptions
{
    /// <summary>
    /// What this gateway is called among the others; one that starts under the same name takes the place of the one before at once, instead
    /// of when that has been silent for long enough. Null: the machine's name and <c>Fleet:DataDirectory</c>, which one process at a time
    /// can have; none for a process that is a gateway alone.
    /// </summary>
    public string? Name { get; set; }

    /// <summary>
    /// Bytes of messages that wait for each other gateway; above this, QoS 0 is dropped and QoS 1 and 2 are refused (0x97). Messages that
    /// nobody would send again, wills say, have twice as much.
    /// </summary>
    [Range(65_536, int.MaxValue)] public int MaxForwardBytes { get; set; } = 16 * 1024 * 1024;
}
