namespace Fleet.Silo.Files;

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
