using System.ComponentModel.DataAnnotations;

namespace Fleet.Gateway.Retained;

/// <summary>How many retained messages there may be: of the section <c>Fleet:Gateway</c>.</summary>
internal sealed class RetainedOptions
{
    /// <summary>Topics with a retained message.</summary>
    [Range(0, 100_000_000)] public int MaxRetainedMessages { get; set; } = 1_000_000;
}
