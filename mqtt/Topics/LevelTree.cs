using System.Text;

namespace Fleet.Mqtt;

/// <summary>
/// A tree with a node per topic level, and one hash table of all its edges: a node with a single child costs no table of its own.
/// Not safe for several threads: its owners lock.
/// </summary>
internal sealed class LevelTree<TValue> where TValue : class
{
    private readonly HashSet<Node> _edges = new(EdgeComparer.Instance);
    private readonly HashSet<Node>.AlternateLookup<Edge> _byEdge;
    private int _lastId;

    public LevelTree() => _byEdge = _edges.GetAlternateLookup<Edge>();

    public Node Root { get; } = new(null, [], 0);

    public Node? Find(ReadOnlySpan<byte> path)
    {
        var node = Root;
        var levels = new TopicLevels(path);
        while (levels.MoveNext())
        {
            if (ChildOf(node, levels.Current) is not { } child) return null;
            node = child;
        }
        return node;
    }

    public Node FindOrAdd(ReadOnlySpan<byte> path)
    {
        var node = Root;
        var levels = new TopicLevels(path);
        while (levels.MoveNext()) node = ChildOf(node, levels.Current) ?? AddChild(node, levels.Current);
        return node;
    }

    public Node? ChildOf(Node parent, ReadOnlySpan<byte> level) =>
        parent.FirstChild is not null && _byEdge.TryGetValue(new Edge(parent, level), out var child) ? child : null;

    /// <summary>Removes the node and its ancestors as far as they hold nothing.</summary>
    public void Prune(Node node)
    {
        while (node is { Value: null, FirstChild: null, Pins: 0, Parent: { } parent })
        {
            _edges.Remove(node);
            parent.Unlink(node);
            node = parent;
        }
    }

    private Node AddChild(Node parent, ReadOnlySpan<byte> level)
    {
        var child = new Node(parent, level.ToArray(), ++_lastId);
        _edges.Add(child);
        parent.Link(child);
        return child;
    }

    internal sealed class Node(Node? parent, byte[] level, int id)
    {
        private Node? _previous;

        public Node? Parent { get; } = parent;
        public byte[] Level { get; } = level;
        public int Id { get; } = id;
        public TValue? Value { get; set; }

        /// <summary>Walks that stand here: it keeps its place, also empty.</summary>
        public int Pins { get; set; }

        public Node? FirstChild { get; private set; }
        public Node? NextSibling { get; private set; }

        /// <summary>The child '+', in a tree of filters.</summary>
        public Node? SingleLevel { get; private set; }

        /// <summary>The child '#', in a tree of filters.</summary>
        public Node? MultiLevel { get; private set; }

        public void Link(Node child)
        {
            child.NextSibling = FirstChild;
            if (FirstChild is not null) FirstChild._previous = child;
            FirstChild = child;
            SetWildcard(child.Level, child);
        }

        public void Unlink(Node child)
        {
            if (child._previous is null) FirstChild = child.NextSibling;
            else child._previous.NextSibling = child.NextSibling;
            if (child.NextSibling is not null) child.NextSibling._previous = child._previous;
            SetWildcard(child.Level, null);
        }

        private void SetWildcard(byte[] level, Node? child)
        {
            if (level is [(byte)'+']) SingleLevel = child;
            else if (level is [(byte)'#']) MultiLevel = child;
        }
    }

    private readonly ref struct Edge(Node parent, ReadOnlySpan<byte> level)
    {
        public Node Parent { get; } = parent;
        public ReadOnlySpan<byte> Level { get; } = level;
    }

    private sealed class EdgeComparer : IEqualityComparer<Node>, IAlternateEqualityComparer<Edge, Node>
    {
        public static readonly EdgeComparer Instance = new();

        public bool Equals(Node? x, Node? y) => ReferenceEquals(x, y);
        public int GetHashCode(Node node) => Hash(node.Parent!.Id, node.Level);
        public bool Equals(Edge edge, Node node) => ReferenceEquals(edge.Parent, node.Parent) && edge.Level.SequenceEqual(node.Level);
        public int GetHashCode(Edge edge) => Hash(edge.Parent.Id, edge.Level);
        public Node Create(Edge edge) =>
            throw new NotSupportedException($"Edges to '{Encoding.UTF8.GetString(edge.Level)}' are added by {nameof(AddChild)}.");

        /// <summary>Seeded per process, so that nobody can choose topics that collide.</summary>
        private static int Hash(int parent, ReadOnlySpan<byte> level)
        {
            var hash = new HashCode();
            hash.Add(parent);
            hash.AddBytes(level);
            return hash.ToHashCode();
        }
    }
}
