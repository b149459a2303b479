using System.Text;
using Fleet.Mqtt;

namespace Fleet.UnitTests.Mqtt;

public class TreeTests
{
    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 10)];

    [Fact]
    public void The_subscription_tree_agrees_with_the_textbook_on_all_short_names_and_filters()
    {
        var tree = new SubscriptionTree<string>();
        foreach (string filter in Textbook.Filters) Assert.True(tree.Set(TopicFilter.Parse(filter), filter, default));
        var matches = new List<SubscriptionMatch<string>>();
        foreach (string name in Textbook.Names)
        {
            matches.Clear();
            tree.Match(name, matches);
            Assert.Equal(Textbook.Filters.Where(filter => Textbook.Matches(filter, name)).Order(), matches.Select(match => match.Subscriber).Order());
        }
    }

    [Fact]
    public void The_retained_tree_agrees_with_the_textbook_on_all_short_names_and_filters()
    {
        var tree = new RetainedTree<string>();
        foreach (string name in Textbook.Names) Assert.Null(tree.Set(Encoding.UTF8.GetBytes(name), name));
        foreach (string filter in Textbook.Filters)
            Assert.Equal(Textbook.Names.Where(name => Textbook.Matches(filter, name)).Order(), Find(tree, filter).Order());
    }

    [Theory, MemberData(nameof(Seeds))]
    public void A_history_of_subscriptions_leaves_what_a_dictionary_would_hold(int seed)
    {
        var random = new Random(seed);
        var tree = new SubscriptionTree<int>();
        var book = new Dictionary<(string Filter, int Subscriber), (SubscriptionOptions, uint)>();
        string[] filters = [.. Textbook.All(["", "a", "+", "#"], 3).Where(filter => !filter.Contains("#/", StringComparison.Ordinal)).OrderBy(_ => random.Next()).Take(8)];
        var matches = new List<SubscriptionMatch<int>>();
        for (int step = 0; step < 2_000; step++)
        {
            // Up to 40 subscribers to a filter: more than a list scans without an index.
            var key = (Filter: filters[random.Next(filters.Length)], Subscriber: random.Next(40));
            if (random.Next(5) < (step < 1_000 ? 3 : 1))
            {
                var options = new SubscriptionOptions((Qos)random.Next(3), random.Next(2) == 0);
                uint id = (uint)random.Next(5);
                Assert.Equal(!book.ContainsKey(key), tree.Set(TopicFilter.Parse(key.Filter), key.Subscriber, options, id));
                book[key] = (options, id);
            }
            else
            {
                Assert.Equal(book.Remove(key), tree.Remove(TopicFilter.Parse(key.Filter), key.Subscriber));
            }
            Assert.Equal(book.Count, tree.Count);
            if (step % 20 != 0) continue;
            matches.Clear();
            tree.Match("a/a", matches);
            Assert.Equal(
                book.Where(entry => Textbook.Matches(entry.Key.Filter, "a/a")).Select(entry => (entry.Key.Subscriber, entry.Value)).Order(Comparer),
                matches.Select(match => (match.Subscriber, (match.Options, match.SubscriptionId))).Order(Comparer));
        }
    }

    private static readonly Comparer<(int Subscriber, (SubscriptionOptions Options, uint Id) Value)> Comparer =
        Comparer<(int, (SubscriptionOptions, uint))>.Create((x, y) => string.CompareOrdinal(x.ToString(), y.ToString()));

    [Theory, MemberData(nameof(Seeds))]
    public void A_history_of_retained_messages_leaves_what_a_dictionary_would_hold(int seed)
    {
        var random = new Random(seed);
        var tree = new RetainedTree<object>();
        var book = new Dictionary<string, object>();
        for (int step = 0; step < 2_000; step++)
        {
            string name = Textbook.Names[random.Next(60)];
            byte[] bytes = Encoding.UTF8.GetBytes(name);
            var before = book.GetValueOrDefault(name);
            if (random.Next(2) == 0)
            {
                object value = new();
                Assert.Same(before, tree.Set(bytes, value));
                book[name] = value;
            }
            else
            {
                Assert.Same(before, tree.Remove(bytes));
                book.Remove(name);
            }
            Assert.Equal(book.Count, tree.Count);
            Assert.Same(book.GetValueOrDefault(name), tree.Get(bytes));
        }
        List<object> all = [.. Find(tree, "#"), .. Find(tree, "$/#")];
        foreach (string name in book.Keys.Where(name => name.StartsWith('$') && !Textbook.Matches("$/#", name))) all.Add(book[name]);
        Assert.Equal(book.Values.ToHashSet(), all.ToHashSet());
    }

    [Theory, MemberData(nameof(Seeds))]
    public void A_walk_in_slices_finds_what_stays_once_and_nothing_that_was_not_there(int seed)
    {
        var random = new Random(seed);
        var tree = new RetainedTree<string>();
        string[] names = [.. Textbook.Names.OrderBy(_ => random.Next())];
        string[] stay = names[..(names.Length / 2)], come = names[(names.Length / 2)..];
        foreach (string name in names) tree.Set(Encoding.UTF8.GetBytes(name), name);
        foreach (string filter in Textbook.Filters.OrderBy(_ => random.Next()).Take(40))
        {
            var walk = tree.Walk(TopicFilter.Parse(filter));
            var found = new List<string>();
            while (!walk.IsOver)
            {
                int looks = random.Next(4);
                if (tree.TryNext(walk, ref looks, out string? name)) found.Add(name);
                Assert.InRange(looks, 0, 4);
                byte[] other = Encoding.UTF8.GetBytes(come[random.Next(come.Length)]);
                if (random.Next(3) == 0) tree.Set(other, Encoding.UTF8.GetString(other));
                else tree.Remove(other);
            }
            Assert.Equal(stay.Where(name => Textbook.Matches(filter, name)).Order(), found.Intersect(stay).Order());
            Assert.Equal(found.Count(stay.Contains), found.Intersect(stay).Count());
            Assert.All(found, name => Assert.True(Textbook.Matches(filter, name)));
        }
        // Nothing is left where a walk has stood.
        foreach (string name in names) tree.Remove(Encoding.UTF8.GetBytes(name));
        var ended = tree.Walk(TopicFilter.Parse("#"));
        tree.Set("x/y/z"u8, "x/y/z");
        int one = 1;
        Assert.False(tree.TryNext(ended, ref one, out _));
        tree.Remove("x/y/z"u8);
        tree.End(ended);
        int all = 100;
        Assert.False(tree.TryNext(tree.Walk(TopicFilter.Parse("+/#")), ref all, out _));
        Assert.Equal(99, all);
    }

    [Fact]
    public void A_walk_that_finds_little_takes_no_more_looks_than_it_was_given()
    {
        var tree = new RetainedTree<string>();
        for (int i = 0; i < 10_000; i++) tree.Set(Encoding.UTF8.GetBytes($"fleet/{i}/status"), "x");
        tree.Set("fleet/0/rare"u8, "rare");
        var walk = tree.Walk(TopicFilter.Parse("fleet/+/rare"));
        int slices = 0, found = 0;
        for (; !walk.IsOver; slices++)
        {
            int looks = 100;
            if (tree.TryNext(walk, ref looks, out _)) found++;
        }
        Assert.Equal(1, found);
        Assert.InRange(slices, 100, 102);
    }

    private static List<T> Find<T>(RetainedTree<T> tree, string filter) where T : class
    {
        List<T> found = [];
        int looks = int.MaxValue;
        for (var walk = tree.Walk(TopicFilter.Parse(filter)); tree.TryNext(walk, ref looks, out var value);) found.Add(value);
        return found;
    }

    [Fact]
    public void A_share_group_gets_each_message_once_and_its_members_take_turns()
    {
        var away = new HashSet<string>();
        var tree = new SubscriptionTree<string>(subscriber => !away.Contains(subscriber));
        foreach (string member in (string[])["a", "b", "c"]) tree.Set(TopicFilter.Parse("$share/g/t/#"), member, new(Qos.AtLeastOnce));
        tree.Set(TopicFilter.Parse("$share/h/t/#"), "a", default);
        tree.Set(TopicFilter.Parse("t/#"), "a", default);

        Assert.Equal(["a", "b", "c"], Enumerable.Range(0, 3).Select(_ => ChosenBy("g")).Order());
        away.UnionWith(["a", "c"]);
        Assert.All(Enumerable.Range(0, 5), _ => Assert.Equal("b", ChosenBy("g")));
        away.Add("b");
        Assert.NotNull(ChosenBy("g"));   // somebody must be owed it

        Assert.False(tree.Remove(TopicFilter.Parse("$share/x/t/#"), "a"));
        foreach (string member in (string[])["a", "b", "c"]) Assert.True(tree.Remove(TopicFilter.Parse("$share/g/t/#"), member));
        Assert.Null(ChosenBy("g"));
        Assert.Equal(("a", 2), (ChosenBy("h"), tree.Count));

        string? ChosenBy(string group)
        {
            var matches = new List<SubscriptionMatch<string>>();
            tree.Match("t/1", matches);
            Assert.Single(matches, match => match.Share is null);
            return matches.SingleOrDefault(match => match.Share == $"$share/{group}/t/#").Subscriber;
        }
    }

    [Fact]
    public void Matching_and_parsing_allocate_nothing()
    {
        var tree = new SubscriptionTree<string>();
        foreach (string filter in Textbook.Filters.Take(300)) tree.Set(TopicFilter.Parse(filter), filter, default);
        var matches = new List<SubscriptionMatch<string>>();
        byte[] bytes = Wire.Write(output => new PublishPacket
        {
            Topic = "a/b"u8,
            Qos = Qos.AtLeastOnce,
            PacketId = 1,
            Properties = new PropertyBuilder().AddUserProperty("a", "b").Properties,
            Payload = new(new byte[100]),
        }.WriteTo(output, MqttVersion.V5));
        var split = Wire.Split(bytes, 1, 4, 9);
        var scratch = new PacketScratch();
        var written = new System.Buffers.ArrayBufferWriter<byte>(1024);
        Once();

        long before = GC.GetAllocatedBytesForCurrentThread();
        for (int i = 0; i < 100; i++) Once();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Once()
        {
            matches.Clear();
            tree.Match("a/b", matches);
            tree.Match("a/b"u8, matches);
            var buffer = split;
            written.ResetWrittenCount();
            if (!Framing.TryRead(ref buffer, 1024, out var packet, scratch)) throw new InvalidOperationException();
            PublishPacket.Parse(packet, MqttVersion.V5, Sender.Client).WriteTo(written, MqttVersion.V5);
            if (!written.WrittenSpan.SequenceEqual(bytes)) throw new InvalidOperationException();
        }
    }

    [Fact]
    public async Task Readers_and_writers_may_meet()
    {
        var tree = new SubscriptionTree<int>();
        var always = TopicFilter.Parse("a/+");
        tree.Set(always, -1, default);
        var workers = Enumerable.Range(0, 4).Select(worker => Task.Run(() =>
        {
            var matches = new List<SubscriptionMatch<int>>();
            for (int i = 0; i < 5_000; i++)
            {
                tree.Set(TopicFilter.Parse($"a/{i % 7}"), worker, default);
                matches.Clear();
                tree.Match("a/3", matches);
                Assert.Contains(matches, match => match.Subscriber == -1);
                Assert.True(tree.Remove(TopicFilter.Parse($"a/{i % 7}"), worker));
            }
        }));
        await Task.WhenAll(workers);
        Assert.Equal(1, tree.Count);
    }
}
