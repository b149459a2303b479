using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Fleet.Silo.Files;

/// <summary>Writes a file so that a kill or a power cut leaves the whole of it or nothing.</summary>
internal static class AtomicFile
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Everyone = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead;

    /// <param name="secret">Mode 0600 from the first byte on; otherwise 0644.</param>
    public static void Write(string path, ReadOnlySpan<byte> content, bool secret)
    {
        var temporary = path + ".tmp";
        File.Delete(temporary);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = secret ? OwnerOnly : Everyone;
        using (var file = new FileStream(temporary, options))
        {
            file.Write(content);
            file.Flush(flushToDisk: true);
        }
        File.Move(temporary, path, overwrite: true);
        DirectorySync.Flush(Path.GetDirectoryName(path)!);
    }
}

/// <summary>A folder that its owner alone can look into.</summary>
internal static class PrivateFolder
{
    /// <summary>Makes the folder, durably, if need be; one that is there keeps its mode.</summary>
    public static void Make(string path)
    {
        if (Directory.Exists(path)) return;
        if (OperatingSystem.IsWindows()) Directory.CreateDirectory(path);
        else Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        DirectorySync.Flush(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }
}

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

/// <summary>Knows a full disk, or an exhausted quota, from other failures of it.</summary>
internal static class DiskFull
{
    // ENOSPC, EDQUOT (Linux, macOS), and Windows' ERROR_DISK_FULL and ERROR_HANDLE_DISK_FULL. .NET's HResult is the C library's number.
    public static bool Caused(IOException e) => e.HResult is 28 or 122 or 69 or unchecked((int)0x80070070) or unchecked((int)0x80070027);
}
