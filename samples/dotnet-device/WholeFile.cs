using System.Text;

namespace Fleet.Samples.DotnetDevice;

/// <summary>Files that a power cut leaves as they were before or as they are after, and never half written.</summary>
internal static class WholeFile
{
    public static void Write(string path, string text, UnixFileMode? mode = null)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (mode is not null && !OperatingSystem.IsWindows()) options.UnixCreateMode = mode;
        using (var file = new FileStream($"{path}.next", options))
        {
            file.Write(Encoding.UTF8.GetBytes(text));
            file.Flush(flushToDisk: true);
        }
        File.Move($"{path}.next", path, overwrite: true);
    }
}
