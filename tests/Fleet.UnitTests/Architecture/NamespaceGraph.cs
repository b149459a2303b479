using System.Reflection;
using System.Text.RegularExpressions;

namespace Fleet.UnitTests.Architecture;

/// <summary>
/// Which namespaces of a project use which. What compiled code refers to is an arrow, and a <c>using</c> line is one as well: a constant
/// leaves no trace in compiled code.
/// </summary>
internal sealed partial class NamespaceGraph
{
    /// <summary>From, to, and what it was seen by.</summary>
    private readonly SortedDictionary<string, SortedDictionary<string, string>> _arrows = new(StringComparer.Ordinal);

    public static NamespaceGraph Of(Assembly assembly, string folder)
    {
        var graph = new NamespaceGraph();
        var types = assembly.GetTypes().Where(type => IsOurs(type.Namespace)).ToList();
        foreach (var type in types) graph._arrows.TryAdd(type.Namespace!, new(StringComparer.Ordinal));
        foreach (var type in types)
        {
            foreach (var used in TypeUses.Of(type).Where(used => used.Assembly == assembly))
                graph.Add(type.Namespace!, used.Namespace ?? "", $"{Outermost(type).Name} uses {Outermost(used).Name}");
        }
        foreach (var (path, lines) in SourceTree.FilesOf(folder))
        {
            string? from = lines.Select(line => NamespaceLine().Match(line)).FirstOrDefault(match => match.Success)?.Groups[1].Value;
            foreach (var match in lines.Select(line => UsingLine().Match(line)).Where(match => from is not null && match.Success))
                graph.Add(from!, match.Groups[1].Value, path);
        }
        return graph;
    }

    public void Add(string from, string to, string because)
    {
        if (from != to && _arrows.TryGetValue(from, out var arrows) && _arrows.ContainsKey(to)) arrows.TryAdd(to, because);
    }

    public bool Has(string from, string to) => _arrows[from].ContainsKey(to);

    /// <returns>The shortest circle of arrows, each with its reason; null if the namespaces form layers.</returns>
    public string? Cycle() => _arrows.Keys.Select(CycleThrough).OfType<List<string>>().MinBy(cycle => cycle.Count) is not { } shortest
        ? null
        : string.Join("\n", shortest.Zip(shortest.Skip(1), (from, to) => $"{from} → {to} ({_arrows[from][to]})"));

    private List<string>? CycleThrough(string start)
    {
        var paths = new Queue<List<string>>([[start]]);
        var seen = new HashSet<string>();
        while (paths.TryDequeue(out var path))
        {
            foreach (string next in _arrows[path[^1]].Keys)
            {
                if (next == start) return [.. path, next];
                if (seen.Add(next)) paths.Enqueue([.. path, next]);
            }
        }
        return null;
    }

    // Generators put their own into other namespaces.
    private static bool IsOurs(string? name) => name is not null && name.StartsWith("Fleet.", StringComparison.Ordinal);

    private static Type Outermost(Type type) => type.DeclaringType is { } outer ? Outermost(outer) : type;

    [GeneratedRegex(@"^namespace ([\w.]+);")]
    private static partial Regex NamespaceLine();

    [GeneratedRegex(@"^(?:global )?using (?:static )?(?:\w+ = )?([\w.]+);")]
    private static partial Regex UsingLine();
}
