using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Npgsql;
using Xunit;

namespace Fleet.Testing;

/// <summary>A PostgreSQL server of a test's own, on a free port in a temporary folder, to be killed.</summary>
public sealed class PostgresProcess : IDisposable
{
    private readonly string _folder;
    private readonly int _port;

    private PostgresProcess(string folder, int port) => (_folder, _port) = (folder, port);

    /// <summary>Why there can be none; null if there can.</summary>
    private static string? Missing =>
        PostgresServer.Missing ?? (Programs is null ? "needs PostgreSQL's server programs (Debian package postgresql)"
            : Environment.UserName == "root" && !File.Exists("/usr/sbin/runuser") && !File.Exists("/sbin/runuser")
                ? "needs runuser: PostgreSQL does not run as root" : null);

    public string ConnectionString => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1", Port = _port, Username = "postgres", Database = "postgres", MaxPoolSize = 5, Timeout = 2,
    }.ConnectionString;

    private static string? Programs => Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql").Select(version => Path.Combine(version, "bin"))
            .Where(bin => File.Exists(Path.Combine(bin, "initdb"))).Max()
        : null;

    /// <summary>Where there is no server to start, the test is skipped, and says so.</summary>
    public static PostgresProcess Start()
    {
        if (Missing is { } reason) Assert.Skip(reason);
        string folder = Directory.CreateTempSubdirectory("fleet-pg-").FullName;
        if (Environment.UserName == "root") Run("chown", "postgres", folder);
        using var probe = new TcpListener(IPAddress.Loopback, 0);
        probe.Start();
        var server = new PostgresProcess(folder, ((IPEndPoint)probe.LocalEndpoint).Port);
        probe.Stop();
        AsPostgres("initdb", "-D", server.Data, "-A", "trust", "-U", "postgres", "--no-sync");
        server.StartAgain();
        return server;
    }

    /// <summary>Starts it on the data it left.</summary>
    public void StartAgain() => AsPostgres(
        "pg_ctl", "-D", Data, "-w", "-l", Path.Combine(_folder, "log"), "-o",
        $"-p {_port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={_folder}", "start");

    /// <summary>As a machine that loses its power: neither the server nor any of its processes has a last word.</summary>
    public void Kill()
    {
        int postmaster = int.Parse(File.ReadLines(Path.Combine(Data, "postmaster.pid")).First(), CultureInfo.InvariantCulture);
        var family = Process.GetProcesses().Where(p => p.Id == postmaster || ParentOf(p.Id) == postmaster).ToList();
        // Before its children: it must not see them end.
        foreach (var process in family.OrderBy(p => p.Id != postmaster)) process.Kill();
        foreach (var process in family) process.WaitForExit();
    }

    public void Dispose()
    {
        if (File.Exists(Path.Combine(Data, "postmaster.pid"))) Kill();
        Directory.Delete(_folder, recursive: true);
    }

    private string Data => Path.Combine(_folder, "data");

    private static int ParentOf(int process)
    {
        try
        {
            string stat = File.ReadAllText($"/proc/{process}/stat");
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // It has ended.
            return 0;
        }
    }

    private static void AsPostgres(string program, params string[] arguments)
    {
        string path = Path.Combine(Programs!, program);
        if (Environment.UserName == "root") Run("runuser", ["-u", "postgres", "--", path, .. arguments]);
        else Run(path, arguments);
    }

    // Its output goes nowhere: a server inherits it, and whoever reads it to its end would wait for the server's.
    private static void Run(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo("/bin/sh") { WorkingDirectory = "/tmp" };
        string[] all = ["-c", "exec \"$0\" \"$@\" >/dev/null 2>&1 </dev/null", program, .. arguments];
        foreach (string argument in all) start.ArgumentList.Add(argument);
        using var process = Process.Start(start)!;
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, $"{program} {string.Join(' ', arguments)} ended with {process.ExitCode}");
    }
}
