using System.Globalization;

namespace Fleet.Load;

/// <summary>What the command line asks for.</summary>
internal sealed class Run
{
    private readonly Dictionary<string, string> _settings = new(StringComparer.Ordinal);

    public Run(string[] args)
    {
        for (int i = 0; i + 1 < args.Length; i += 2) _settings[args[i].TrimStart('-')] = args[i + 1];
        Devices = _settings.TryGetValue("devices", out string? folder) ? Devices.Read(folder) : null;
        Sides = [.. Numbers("port", 1883).Zip(Numbers("pid", Environment.ProcessId),
            (port, pid) => new Side(Target.Of(port, Devices), new ServerProcess(pid)))];
        Pollers = [.. Enumerable.Range(0, Number("threads", 1)).Select(_ => new Poller())];
    }

    public Devices? Devices { get; }

    /// <summary>Ports and processes of several servers are given with commas between them.</summary>
    public Side[] Sides { get; }
    public ServerProcess Server => Sides[0].Server;
    public Poller[] Pollers { get; }
    public int Connections => Number("connections", 500);
    public double Seconds => Number("seconds", 5);
    public double Warmup => Number("warmup", 8);

    public string Text(string name) => _settings[name];

    private int[] Numbers(string name, int otherwise) => _settings.TryGetValue(name, out string? values)
        ? [.. values.Split(',').Select(value => int.Parse(value, CultureInfo.InvariantCulture))] : [otherwise];

    public int Number(string name, int otherwise) => _settings.TryGetValue(name, out string? value) ? int.Parse(value, CultureInfo.InvariantCulture) : otherwise;

    /// <param name="poller">Null: one of all.</param>
    public Client NewClient(int number, IScenario scenario, bool resumes = false, Poller? poller = null, Side? side = null) =>
        new(number, poller ?? Pollers[number % Pollers.Length], (side ?? Sides[0]).Target, scenario, Devices?.Certificates[number % Devices.Certificates.Length]) { Resumes = resumes };

    public static Task Wait(double seconds) => Task.Delay(TimeSpan.FromSeconds(seconds), TimeProvider.System);

    /// <summary>Opens them, not more than a few hundred at once, and waits until each has its CONNACK.</summary>
    public async Task<Client[]> OpenAll(IScenario scenario, int count, Func<int> open, int first = 0, int atOnce = 200, Side? side = null)
    {
        var clients = new Client[count];
        for (int i = 0; i < count; i++)
        {
            while (i - open() >= atOnce) await Wait(0.002);
            var client = clients[i] = NewClient(first + i, scenario, side: side);
            client.Poller.Post(client.Connect);
        }
        for (int waited = 0; open() < count; waited++)
        {
            if (waited > 6_000) throw new TimeoutException($"{open()} of {count} connections are open.");
            await Wait(0.01);
        }
        return clients;
    }

    public static void Print(params (string Name, double Value)[] figures) =>
        Console.WriteLine(string.Join(' ', figures.Select(figure => string.Create(CultureInfo.InvariantCulture, $"{figure.Name}={figure.Value:0.##}"))));
}
