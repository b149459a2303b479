using System.ComponentModel;
using System.Runtime.InteropServices;

namespace Fleet.DeviceSim.Agent.Boot;

/// <summary>Files that are there whole or not at all, whenever the power goes.</summary>
internal static partial class DurableFiles
{
    public const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Replaces <paramref name="path"/> by a rename of bytes that are on the disk already.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> bytes)
    {
        var next = path + ".next";
        Write(next, bytes, mode: null);
        File.Move(next, path, overwrite: true);
        SyncFolder(Path.GetDirectoryName(path)!);
    }

    /// <summary>Writes a file and waits until the disk has it. Its name may still be lost until <see cref="SyncFolder"/>.</summary>
    public static void Write(string path, ReadOnlySpan<byte> bytes, UnixFileMode? mode)
    {
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, BufferSize = 0 };
        if (mode is not null && !OperatingSystem.IsWindows()) options.UnixCreateMode = mode;
        using var file = new FileStream(path, options);
        file.Write(bytes);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Makes renames and new names in a folder last. Windows has no such call; NTFS journals names by itself.</summary>
    public static void SyncFolder(string path)
    {
        if (OperatingSystem.IsWindows()) return;
        int descriptor = Open(path, 0);
        if (descriptor < 0) throw new Win32Exception(Marshal.GetLastPInvokeError(), $"Cannot open the folder {path}.");
        try
        {
            if (Sync(descriptor) != 0) throw new Win32Exception(Marshal.GetLastPInvokeError(), $"Cannot sync the folder {path}.");
        }
        finally
        {
            _ = Close(descriptor);
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Sync(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
