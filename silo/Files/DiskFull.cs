namespace Fleet.Silo.Files;

/// <summary>Knows a full disk, or an exhausted quota, from other failures of it.</summary>
internal static class DiskFull
{
    // ENOSPC, EDQUOT (Linux, macOS), and Windows' ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL. .NET's HResult is the C library's number.
    public static bool Caused(IOException e) => e.HResult is 28 or 122 or 69 or unchecked((int)0x80070070) or unchecked((int)0x80070027);
}
