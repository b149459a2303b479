using Microsoft.Win32.SafeHandles;

namespace Fleet.Gateway.Blocks;

/// <summary>Where a gateway reads firmware from. Blobs are named by their SHA-256 and never change.</summary>
public interface IBlobSource
{
    /// <summary>A handle for reads at any offset (<see cref="RandomAccess"/>), or null if there is no such blob.</summary>
    SafeFileHandle? OpenRead(string sha256);
}
