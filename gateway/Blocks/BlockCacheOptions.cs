using System.ComponentModel.DataAnnotations;

namespace Fleet.Gateway.Blocks;

/// <summary>Memory for firmware: of the section <c>Fleet:Gateway</c>.</summary>
internal sealed class BlockCacheOptions
{
    /// <summary>Memory for blocks of firmware, in bytes.</summary>
    [Range(1_048_576, long.MaxValue)] public long BlockCacheBytes { get; set; } = 64L * 1024 * 1024;
}
