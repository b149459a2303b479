using System.Globalization;

namespace Fleet.Load;

/// <summary>The process that is measured, as /proc has it.</summary>
internal sealed class ServerProcess(int id)
{
    /// <summary>User and system time of the whole process, in microseconds; the kernel counts in steps of 10 ms.</summary>
    public double CpuMicroseconds()
    {
        string stat = File.ReadAllText($"/proc/{id}/stat");
        string[] fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
        return (long.Parse(fields[11], CultureInfo.InvariantCulture) + long.Parse(fields[12], CultureInfo.InvariantCulture)) * 10_000.0;
    }

    public double ResidentKiB() => Status("VmRSS");

    /// <summary>Without what is read from files, which is shared and can be read again.</summary>
    public double AnonymousKiB() => Status("RssAnon");

    private double Status(string name) => double.Parse(
        File.ReadLines($"/proc/{id}/status").First(line => line.StartsWith(name, StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);
}
