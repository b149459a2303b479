using Fleet.IntegrationTests.Support;

namespace Fleet.IntegrationTests.Faults;

internal enum DiskState
{
    Well = '-',

    /// <summary>ENOSPC for whatever takes new space.</summary>
    Full = 'F',

    /// <summary>EIO for every write and sync.</summary>
    WritesFail = 'W',

    /// <summary>EIO for every sync, and what it was to make durable is lost, as on a real disk.</summary>
    SyncsFail = 'S',
}

/// <summary>
/// The folder <c>data</c> of a process as it is on a disk that forgets, at a power cut, what was not synced. It is done by a library between
/// the process and the C library (<c>forgetful.c</c>), which is compiled here; needs Linux and gcc.
/// </summary>
internal sealed class ForgetfulDisk
{
    private readonly string _durable;
    private readonly string _control;

    private ForgetfulDisk(string folder, string library)
    {
        Folder = folder;
        _durable = Path.Combine(folder, "durable");
        _control = Path.Combine(folder, "control");
        Directory.CreateDirectory(Data);
        Directory.CreateDirectory(_durable);
        State = DiskState.Well;
        Environment = new Dictionary<string, string>
        {
            ["LD_PRELOAD"] = library, ["FORGETFUL_FOLDER"] = Data, ["FORGETFUL_DURABLE"] = _durable, ["FORGETFUL_CONTROL"] = _control,
        };
    }

    /// <summary>Holds <c>data</c>.</summary>
    public string Folder { get; }

    /// <summary>Of a process that has its data on this disk.</summary>
    public IReadOnlyDictionary<string, string> Environment { get; }

    public DiskState State
    {
        set
        {
            using var file = new FileStream(_control, FileMode.OpenOrCreate, FileAccess.Write, FileShare.ReadWrite);
            file.WriteByte((byte)value);
        }
    }

    private string Data => Path.Combine(Folder, "data");

    /// <summary>Skips the test where it cannot be compiled.</summary>
    public static async Task<ForgetfulDisk> Make()
    {
        bool compiles = OperatingSystem.IsLinux()
            && (System.Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Any(folder => File.Exists(Path.Combine(folder, "gcc")));
        Assert.SkipUnless(compiles, "gcc is not installed (Debian packages gcc and libc6-dev).");
        string folder = Directory.CreateTempSubdirectory("fleet-forgetful-").FullName, library = Path.Combine(folder, "forgetful.so");
        await using var gcc = ChildProcess.Start(
            "gcc", "-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o", library,
            Path.Combine(AppContext.BaseDirectory, "Faults", "forgetful.c"), "-ldl", "-lpthread");
        Assert.True(await gcc.Exited(CancellationToken.None) == 0, gcc.Output);
        return new ForgetfulDisk(folder, library);
    }

    /// <summary>Once the process is dead: leaves what was durable, and nothing else.</summary>
    public void CutPower()
    {
        Directory.Delete(Data, recursive: true);
        Restore("root", Data);
        Directory.Delete(_durable, recursive: true);
        Directory.CreateDirectory(_durable);
    }

    private void Restore(string inode, string folder)
    {
        Directory.CreateDirectory(folder);
        string entries = Path.Combine(_durable, "entries", inode);
        if (!File.Exists(entries)) return;
        foreach (string line in File.ReadLines(entries))
        {
            string[] parts = line.Split(' ', 3);
            string path = Path.Combine(folder, parts[2]);
            if (parts[1] == "d") Restore(parts[0], path);
            else RestoreFile(Path.Combine(_durable, "data", parts[0]), path);
        }
    }

    // A file whose name was synced and whose bytes were not is empty.
    private static void RestoreFile(string bytes, string path)
    {
        if (File.Exists(bytes)) File.Move(bytes, path);
        else File.Create(path).Dispose();
    }
}
