using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Fleet.Mqtt;

/// <summary>
/// A way through the names of a <see cref="RetainedTree{TValue}"/> that a filter covers, in any number of steps between which the tree may
/// change. It stands on one node, which keeps its place meanwhile. Guarded by the tree's lock.
/// </summary>
public sealed class TopicWalk<TValue> where TValue : class
{
    private readonly LevelTree<TValue> _tree;

    /// <summary>Of the filter, without a '#' at its end.</summary>
    private readonly byte[][] _levels;
    private readonly bool _coversBelow;
    private LevelTree<TValue>.Node _at;
    private int _depth;

    internal TopicWalk(LevelTree<TValue> tree, TopicFilter filter)
    {
        byte[][] levels = [.. filter.Filter.Split('/').Select(Encoding.UTF8.GetBytes)];
        _coversBelow = levels[^1] is [(byte)'#'];
        (_tree, _at, _levels) = (tree, tree.Root, _coversBelow ? levels[..^1] : levels);
    }

    public bool IsOver { get; private set; }

    internal bool TryNext(ref int looks, [NotNullWhen(true)] out TValue? value)
    {
        value = null;
        if (IsOver) return false;
        var from = _at;
        while (value is null && looks > 0 && !IsOver)
        {
            looks--;
            IsOver = !MoveNext();
            if (!IsOver && IsCovered) value = _at.Value;
        }
        if (IsOver) _at = _tree.Root;
        if (_at == from) return value is not null;
        if (!IsOver) _at.Pins++;
        Leave(from);
        return value is not null;
    }

    internal void End()
    {
        if (IsOver) return;
        IsOver = true;
        Leave(_at);
        _at = _tree.Root;
    }

    /// <summary>"a/#" covers "a" too (4.7.1.2).</summary>
    private bool IsCovered => _depth == _levels.Length || (_coversBelow && _depth > _levels.Length);

    /// <summary>Depth first: below, beside, or beside what is above.</summary>
    private bool MoveNext()
    {
        if (Below() is { } below)
        {
            (_at, _depth) = (below, _depth + 1);
            return true;
        }
        for (var (node, depth) = (_at, _depth); depth > 0; (node, depth) = (node.Parent!, depth - 1))
        {
            if (!IsAny(depth - 1) || Unreserved(node.NextSibling) is not { } beside) continue;
            (_at, _depth) = (beside, depth);
            return true;
        }
        return false;
    }

    private LevelTree<TValue>.Node? Below()
    {
        if (_depth >= _levels.Length && !_coversBelow) return null;
        return IsAny(_depth) ? Unreserved(_at.FirstChild) : _tree.ChildOf(_at, _levels[_depth]);
    }

    /// <summary>Whether the filter takes any level in this place.</summary>
    private bool IsAny(int depth) => depth >= _levels.Length || _levels[depth] is [(byte)'+'];

    /// <summary>Root wildcards do not reach names that start with '$' [MQTT-4.7.2-1].</summary>
    private LevelTree<TValue>.Node? Unreserved(LevelTree<TValue>.Node? node)
    {
        while (node is not null && node.Parent == _tree.Root && node.Level is [(byte)'$', ..]) node = node.NextSibling;
        return node;
    }

    private void Leave(LevelTree<TValue>.Node node)
    {
        if (node == _tree.Root) return;
        node.Pins--;
        _tree.Prune(node);
    }
}
