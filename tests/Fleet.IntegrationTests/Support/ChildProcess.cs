using System.Diagnostics;
using System.Threading.Channels;

namespace Fleet.IntegrationTests.Support;

/// <summary>A program of ours in a process of its own; what it prints is kept for the message of a test that fails.</summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly Channel<string> _lines = Channel.CreateUnbounded<string>();
    private readonly List<string> _output = [];
    private bool _disposed;

    private ChildProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is null)
            {
                _lines.Writer.TryComplete();
                return;
            }
            Keep(e.Data);
            _lines.Writer.TryWrite(e.Data);
        };
        process.ErrorDataReceived += (_, e) => { if (e.Data is not null) Keep(e.Data); };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>Starts <paramref name="assembly"/>, which stands beside the tests, or any other program by its name.</summary>
    public static ChildProcess Start(string assembly, params IEnumerable<string> arguments) =>
        Start(assembly, ImmutableDictionary<string, string>.Empty, arguments);

    /// <param name="environment">Beside that of the tests.</param>
    public static ChildProcess Start(string assembly, IReadOnlyDictionary<string, string> environment, params IEnumerable<string> arguments)
    {
        string beside = Path.Combine(AppContext.BaseDirectory, $"{assembly}.dll");
        var start = File.Exists(beside)
            ? new ProcessStartInfo("dotnet", [beside, .. arguments])
            : new ProcessStartInfo(assembly, arguments);
        foreach (var (name, value) in environment) start.Environment[name] = value;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.WorkingDirectory = Path.GetTempPath();
        return new ChildProcess(Process.Start(start) ?? throw new InvalidOperationException($"{assembly} did not start"));
    }

    public bool HasExited => _process.HasExited;

    public int ExitCode => _process.ExitCode;

    /// <summary>All it printed so far, on either stream.</summary>
    public string Output
    {
        get { lock (_output) return string.Join('\n', _output); }
    }

    /// <summary>Standard output, line by line, each line once.</summary>
    public IAsyncEnumerable<string> Lines(CancellationToken cancellation) => _lines.Reader.ReadAllAsync(cancellation);

    public async Task<int> Exited(CancellationToken cancellation)
    {
        await _process.WaitForExitAsync(cancellation);
        return _process.ExitCode;
    }

    /// <summary>SIGTERM: it may tidy up.</summary>
    public async Task Terminate(CancellationToken cancellation)
    {
        using var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]);
        await _process.WaitForExitAsync(cancellation);
    }

    /// <summary>SIGKILL: it may not.</summary>
    public async Task Kill()
    {
        if (!_process.HasExited) _process.Kill(entireProcessTree: true);
        await _process.WaitForExitAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        // A test that fails between two processes has disposed of the first; its own failure is what is to be seen.
        if (_disposed) return;
        _disposed = true;
        await Kill();
        _process.Dispose();
    }

    private void Keep(string line)
    {
        lock (_output) _output.Add(line);
    }
}
