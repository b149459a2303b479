using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Fleet.Silo.Files;

/// <summary>
/// Makes the names in a folder durable. On Linux and macOS a file that was flushed and renamed can still lose its name in a power cut,
/// until its folder is flushed too; .NET opens no folders, so this asks the C library. Windows keeps names in its own journal.
/// </summary>
internal static class DirectorySync
{
    private const int ReadOnly = 0;

    public static void Flush(string folder)
    {
        if (OperatingSystem.IsWindows()) return;
        int descriptor = Open(folder, ReadOnly);
        if (descriptor < 0) throw Failure("open", folder);
        try
        {
            if (Fsync(descriptor) != 0) throw Failure("fsync", folder);
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    private static IOException Failure(string call, string folder)
    {
        int error = Marshal.GetLastPInvokeError();
        return new IOException($"{call}({folder}): {new Win32Exception(error).Message}", error);
    }

    [DllImport("libc", EntryPoint = "open", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Fsync(int descriptor);

    [DllImport("libc", EntryPoint = "close", SetLastError = true), DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int descriptor);
}
