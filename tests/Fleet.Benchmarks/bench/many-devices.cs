#:property PublishAot=false

// How much memory and processor time a process takes that holds many devices: it is started on free ports in a temporary folder, devices are registered
// through its API, so that each one's grain is active, and what the process has taken is read from /proc.
//
//   dotnet run -c Release tests/Fleet.Benchmarks/bench/many-devices.cs -- <Fleet.Silo.dll> [devices, 100000]
//
// Memory is resident, after the last registration and again when the process has been left alone for five seconds.

using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json.Nodes;

int devices = args.Length > 1 ? int.Parse(args[1]) : 100_000;
string folder = Directory.CreateTempSubdirectory("fleet-many-").FullName;
using var silo = Process.Start(new ProcessStartInfo("dotnet",
[
    args[0], $"--Fleet:DataDirectory={folder}", "--Fleet:Http:Port=0", "--Fleet:Metrics:Port=0", "--Fleet:Gateway:MqttsPort=0",
]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
try
{
    silo.ErrorDataReceived += (_, _) => { };
    silo.BeginErrorReadLine();
    var listening = JsonNode.Parse((await silo.StandardOutput.ReadLineAsync())!)!;
    using var http = new HttpClient { BaseAddress = new Uri((string)listening["http"]!), DefaultRequestVersion = HttpVersion.Version11 };
    http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
        "Bearer", (await File.ReadAllTextAsync((string)listening["adminToken"]!)).Trim());
    Report("started", 0);
    await Parallel.ForEachAsync(Enumerable.Range(0, devices), new ParallelOptions { MaxDegreeOfParallelism = 64 }, async (i, stop) =>
    {
        using var body = new StringContent("""{"model":"amr","attributes":{"site":"tokyo"}}""", Encoding.UTF8, "application/json");
        using var response = await http.PutAsync($"/api/v1/devices/amr-{i:d6}", body, stop);
        response.EnsureSuccessStatusCode();
    });
    Report("registered", devices);
    await Task.Delay(TimeSpan.FromSeconds(5), TimeProvider.System);
    Report("left alone", devices);
}
finally
{
    silo.Kill();
    await silo.WaitForExitAsync();
    Directory.Delete(folder, recursive: true);
}

void Report(string when, int registered)
{
    silo.Refresh();
    long resident = long.Parse(File.ReadLines($"/proc/{silo.Id}/status").First(line => line.StartsWith("VmRSS", StringComparison.Ordinal))
        .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]);
    double perDevice = registered == 0 ? 0 : silo.TotalProcessorTime.TotalMicroseconds / registered;
    Console.WriteLine($"{when}: {resident / 1024} MiB resident, {silo.TotalProcessorTime.TotalSeconds:0.0} s CPU, {perDevice:0} µs per device");
}
