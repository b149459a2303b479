namespace Fleet.Silo.Storage;

/// <summary>The values of a statement under construction, in the order of <c>$1</c>, <c>$2</c>…: text from outside is never part of the SQL.</summary>
internal sealed class SqlParameters
{
    private readonly List<object> _values = [];

    public IReadOnlyList<object> Values => _values;

    public string Add(object value)
    {
        _values.Add(value);
        return $"${_values.Count}";
    }
}
