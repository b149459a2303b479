using Fleet.DeviceSim.Agent.Fetch;

namespace Fleet.UnitTests.DeviceSim;

public sealed class BlockMapTests
{
    [Fact]
    public void A_bitmap_is_written_as_the_guide_does()
    {
        // The guide's example: blocks 20, 21, 24 and 43 with offset 20 are the bytes 13 00 80.
        var map = new BlockMap(64 * 4096, 4096);
        foreach (int block in Enumerable.Range(0, 64).Except([20, 21, 24, 43])) map.Receive(block);
        var request = map.NextRequest()!;
        Assert.Equal((20, 4, "130080"), (request.Offset, request.Count, Convert.ToHexString(request.Bitmap!)));
    }

    [Theory, InlineData(1), InlineData(4096), InlineData(4097), InlineData(131_072), InlineData(1_000_000), InlineData(5_000_001)]
    public void Requests_cover_every_block_once_and_stay_within_the_limits(int fileBytes)
    {
        foreach (int blockBytes in new[] { 4096, 65_536, 131_072 })
        {
            var map = new BlockMap(fileBytes, blockBytes);
            int requests = 0;
            long bytes = 0;
            while (map.NextRequest() is { } request)
            {
                requests++;
                var covered = Enumerable.Range(0, map.Count).Where(request.Covers).ToList();
                Assert.Equal(request.Count, covered.Count);
                Assert.True(covered.Sum(map.LengthOf) <= BlockMap.MaxRequestBytes);
                bytes += covered.Sum(map.LengthOf);
                Assert.All(covered, block => Assert.True(map.Receive(block)));
            }
            Assert.True(map.IsComplete);
            Assert.Equal(fileBytes, bytes);
            Assert.Equal((map.Count + BlockMap.MaxRequestBytes / blockBytes - 1) / (BlockMap.MaxRequestBytes / blockBytes), requests);
        }
    }

    [Theory, InlineData(1), InlineData(2), InlineData(3), InlineData(4)]
    public void Whatever_arrives_the_next_request_asks_for_missing_blocks_only(int seed)
    {
        var random = new Random(seed);
        var map = new BlockMap(300 * 4096 - 5, 4096);
        var received = new HashSet<int>();
        for (int step = 0; map.NextRequest() is { } request; step++)
        {
            var covered = Enumerable.Range(0, map.Count).Where(request.Covers).ToList();
            Assert.True(covered.Count == request.Count && !covered.Exists(received.Contains), $"seed {seed}, step {step}");
            int block = random.Next(map.Count);
            Assert.True(map.Receive(block) == received.Add(block), $"seed {seed}, step {step}");
            Assert.Equal(map.Count - received.Count, map.Missing);
        }
        Assert.Equal(300, received.Count);
    }

    [Fact]
    public void Bits_beyond_the_last_block_count_for_nothing()
    {
        var map = new BlockMap(9 * 4096, 4096, [0xFF, 0xFF]);
        Assert.Equal(9, map.Missing);
        Assert.Equal(0x01, map.Bits[1]);
    }
}
