using System.Text;

namespace Fleet.Gateway.Policies;

/// <summary>
/// The variables that a document speaks of, each with a number. The document is compiled once; a session brings their values.
/// </summary>
internal sealed class PolicyVariables
{
    private const int MaxCharacters = 1_024;

    private readonly List<string> _names = [];

    public int NumberOf(string name)
    {
        int number = _names.IndexOf(name);
        if (number >= 0) return number;
        _names.Add(name);
        return _names.Count - 1;
    }

    /// <summary>
    /// The values by number, as UTF-8. One that is absent, empty, over 1,024 characters or holds any of <c>* $ + ? #</c> is not filled in:
    /// the text <c>${name}</c> stays as it is and matches nothing useful, so that no client can widen its own policy
    /// (spec/aws-iot-topics.md, 6.4).
    /// </summary>
    public byte[][] Fill(IReadOnlyDictionary<string, string> values) =>
        [.. _names.Select(name =>
            Encoding.UTF8.GetBytes(values.TryGetValue(name, out string? value) && IsSafe(value) ? value : $"${{{name}}}"))];

    private static bool IsSafe(string value) => value.Length is > 0 and <= MaxCharacters && !value.AsSpan().ContainsAny("*$+?#");
}
